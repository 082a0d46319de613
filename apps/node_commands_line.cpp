#include <vef/apps/node_commands_line.hpp>

#include <vef/apps/certs_command.hpp>
#include <vef/apps/create_command.hpp>
#include <vef/apps/load_commands.hpp>
#include <vef/apps/nodes_command.hpp>
#include <vef/apps/serve_command.hpp>

namespace vef {

namespace {

constexpr auto serve_notes =
    R"(Other programs ask a node with --node, and nodes that have joined do each other's work. FILE
describes a node and its services (TOML or JSON); what is given here goes before it. Without
services it has those that every command has.

By itself it is reached from this machine alone, with certificates of this user. To be reached
from others it needs some of its own: 'vef certs' makes them.

Says 'vef: node NAME listens at HOST:PORT' when it is ready, and goes on until a signal. Ends with
0 after one, 2 on bad arguments or a bad file, 1 if it can't start.

Examples:
  vef serve --models ~/models                 at 127.0.0.1:7400
  vef serve --listen 0.0.0.0 --tls tls --share /srv/photos --name a
  vef serve --listen :7401 --join :7400       a second one, beside the first)";

constexpr auto nodes_notes =
    R"(Requests, failures and milliseconds per picture are those of what the node that answers has given
to the others. A node is ejected for a while when it has failed too often in a row.

Example:
  vef nodes --node gpu1:7400)";

constexpr auto load_notes =
    R"(Without --on the nodes decide where: where there is room, and as their [[placement]] says.

Example:
  vef load clip-vit-b32 --node gpu1:7400 --on gpu2)";

constexpr auto unload_notes =
    R"(Requests under way are finished first. Ends with 0 if all of it has left memory, 3 if some stayed,
1 if all did.

Examples:
  vef unload clip-vit-b32 --node gpu1:7400    from all nodes
  vef unload --node gpu1:7400 --on gpu2       all models of one node)";

constexpr auto create_notes =
    R"(Paths in settings are those of the node. What is made is gone when the node ends: to keep it, put
it into the node's file.

Examples:
  vef create services.toml --node gpu1:7400 --on gpu1
  vef create --backend torch --name nets --set models=/srv/nets --node gpu1:7400 --on gpu2)";

constexpr auto certs_notes =
    R"(Makes an authority in the folder if none is there, and by it for each HOST a folder with ca.pem,
certificate.pem and key.pem, to be copied to that machine and given to --tls. HOST is a name or an
address by which the node is reached; NAME=HOST,HOST gives one node several, in a folder NAME.

Whoever has ca-key.pem can let in anybody: it stays where it is.

Examples:
  vef certs gpu1.example.org gpu2=gpu2.example.org,10.0.0.2 --client desk
  vef certs gpu1.example.org --renew          a new one by the old key, while the node runs)";

CLI::App& command(CLI::App& app, const char* name, const char* what, const char* notes) {
  auto& out = *app.add_subcommand(name, what)->group("Nodes");
  out.footer(notes);
  return out;
}

void add_serve(CLI::App& app, command_line& line) {
  auto x = std::make_shared<serve_options>();
  auto& cmd = command(app, "serve", "Be a node, which other programs ask", serve_notes);
  cmd.add_option("FILE", x->file, "Describes a node and its services")->type_name("");
  cmd.add_option("--listen", x->listen, "HOST:PORT; 127.0.0.1:7400 if not given; port 0: any that is free")
      ->type_name("ADDRESS");
  cmd.add_option("--name", x->name, "Of this node; HOST:PORT if not given")->type_name("NAME");
  auto several = [&](const char* flag, std::vector<std::string>& to, const char* what, const char* type) {
    cmd.add_option(flag, to, what)->allow_extra_args(false)->type_name(type);
  };
  several("--join", x->join, "A node of the cluster to join; may be repeated", "ADDRESS");
  cmd.add_option("--advertise", x->advertise, "HOST[:PORT] by which others reach it, if not by --listen")
      ->type_name("ADDRESS");
  several("--label", x->labels, "That requests and placement can ask for; may be repeated", "LABEL");
  several("--share", x->shared, "Folder below which others may name pictures; may be repeated", "DIR");
  cmd.add_flag("--read-only", x->read_only, "Others can embed, but not load, unload or make services");
  cmd.callback([x, &line] {
    line.serves = true;
    line.command = [x](const common_options& c, console& out) { return serve_command(*x, c, out); };
  });
}

void add_nodes(CLI::App& app, command_line& line) {
  auto as_json = std::make_shared<bool>(false);
  auto& cmd = command(app, "nodes", "Show all nodes of a cluster", nodes_notes);
  cmd.add_flag("--json", *as_json, "Print JSON");
  cmd.callback([as_json, &line] {
    line.command = [as_json](const common_options& c, console& out) {
      return nodes_command(c, *as_json, out);
    };
  });
}

void add_load(CLI::App& app, command_line& line) {
  auto x = std::make_shared<load_options>();
  auto& cmd = command(app, "load", "Load a model at a node", load_notes);
  cmd.add_option("MODEL", x->model, "Id of a model")->required()->type_name("");
  cmd.add_option("--service", x->service, "That offers it; any if not given")->type_name("NAME");
  cmd.add_option("--on", x->node, "The node's name; where it is best placed if not given")->type_name("NAME");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return load_command(*x, c, out); };
  });
}

void add_unload(CLI::App& app, command_line& line) {
  auto x = std::make_shared<unload_options>();
  auto& cmd = command(app, "unload", "Unload models at nodes", unload_notes);
  cmd.add_option("MODEL", x->model, "Id of a model; all if not given")->type_name("");
  cmd.add_option("--service", x->service, "Whose models; of all if not given")->type_name("NAME");
  cmd.add_option("--on", x->node, "The node's name; all nodes if not given")->type_name("NAME");
  cmd.add_flag("--if-idle", x->if_idle, "Leave those alone that have requests under way");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return unload_command(*x, c, out); };
  });
}

void add_create(CLI::App& app, command_line& line) {
  auto x = std::make_shared<create_options>();
  auto& cmd = command(app, "create", "Make services at a node", create_notes);
  cmd.add_option("FILE", x->file, "Describes services")->type_name("");
  cmd.add_option("--on", x->node, "The node's name")->required()->type_name("NAME");
  cmd.add_option("--backend", x->backend, "Of a service that no file describes")->type_name("NAME");
  cmd.add_option("--name", x->name, "Of it; as its backend if not given")->type_name("NAME");
  cmd.add_option("--set", x->settings, "A setting of it, KEY=VALUE; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return create_command(*x, c, out); };
  });
}

void add_certs(CLI::App& app, command_line& line) {
  auto x = std::make_shared<certs_request>();
  auto& cmd = command(app, "certs", "Make certificates for nodes on several machines", certs_notes);
  cmd.add_option("HOSTS", x->hosts, "HOST, or NAME=HOST,HOST")->type_name("");
  cmd.add_option("-o,--out", x->out, "The folder for all")->capture_default_str()->type_name("DIR");
  cmd.add_option("--authority", x->authority, "Name of the authority, for people")
      ->capture_default_str()
      ->type_name("NAME");
  cmd.add_option("--days", x->days, "For which certificates are valid")
      ->check(whole(1, 36500))
      ->capture_default_str()
      ->type_name("N");
  cmd.add_option("--client", x->clients, "Name of a program that only connects; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  cmd.add_flag("--renew", x->renew, "New certificates for folders that are there; their keys stay");
  cmd.add_flag("--json", x->as_json, "Print what was made as JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return certs_command(*x, c, out); };
  });
}

} // namespace

void add_node_commands(CLI::App& app, command_line& line) {
  add_serve(app, line);
  add_nodes(app, line);
  add_load(app, line);
  add_unload(app, line);
  add_create(app, line);
  add_certs(app, line);
}

} // namespace vef
