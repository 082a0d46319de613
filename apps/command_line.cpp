#include <vef/apps/command_line.hpp>

#include <vef/apps/common_options.hpp>
#include <vef/apps/embed_command.hpp>
#include <vef/apps/list_commands.hpp>
#include <vef/apps/node_commands_line.hpp>
#include <vef/apps/pull_command.hpp>
#include <vef/apps/search_commands.hpp>
#include <vef/apps/status_command.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/messages/version.hpp>

namespace vef {

namespace {

constexpr auto overview = R"(vef turns pictures into vectors and finds the ones that are alike.)";

constexpr auto examples = R"(Examples:
  vef embed photos -o photos.npy              vectors of all pictures in a folder
  vef neighbours --in photos.npy --sheet sheet.png
                                              what each one is most like, as a picture
  vef similar new.jpg --in photos.npy -k 10   the ten most like a new one
  vef duplicates --in photos.npy              groups that are nearly the same
  vef models --models ~/models                what can be embedded with
  vef pull facebook/dinov2-small              get a model from the Hugging Face Hub
  vef serve --models ~/models                 be a node, which other programs ask
  vef embed photos --node localhost           let it do the work

'vef COMMAND --help' tells more about a command. Environment: VEF_MODELS (folders of models, with
colons between), VEF_SERVICES (a file that describes services), VEF_NODE (nodes, with commas
between; goes before these two), VEF_TLS (a folder of certificates), VEF_LOG (a log level).)";

constexpr auto embed_notes =
    R"(Writes OUT.npy (float32, a row for each picture that could be embedded), OUT.jsonl beside it (a
line for each input, in order: {"path","row"} or {"path","error","message"}; where a path is not
UTF-8, "path_hex" has its bytes) and OUT.meta.json (the model and variant). Each appears when it is
complete.

--resume goes on after an interruption, a full disk or a crash, with the same command: what has a
row is not done again, what failed is tried again, and what is new comes after what was there.

Ends with 0 if all went well, 3 if some pictures failed, 1 if none could be embedded, 2 on bad
arguments, 130 when interrupted.

Examples:
  vef embed photos                            to embeddings.npy
  vef embed a.jpg b.png -o - | jq .vector     lines of JSON with vectors
  vef embed photos --model net.pt -o net.npy  a TorchScript model with net.pt.toml beside it)";

constexpr auto status_notes =
    R"(Ends with 0 if the node is ready, 1 if it is not: a service has failed, or work is stuck.

Examples:
  vef status                                  what this program has by itself
  vef status --services node.toml             start what a file describes, and show how it does
  vef status --services node.toml --watch     and go on showing it)";

constexpr auto pull_notes =
    R"(Downloads what embedding with it needs (config.json, preprocessor_config.json, safetensors files)
into the Hub's cache, where Python's tools find it too. An interrupted download goes on where it
stopped. A private or gated model needs a token in HF_TOKEN, or the one that 'hf auth login' kept.
Other environment: HF_ENDPOINT (a mirror), HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE.

Example:
  vef pull facebook/dinov2-small && vef embed photos --model facebook/dinov2-small)";

void add_embed(CLI::App& app, command_line& line) {
  auto x = std::make_shared<embed_options>();
  auto& cmd = *app.add_subcommand("embed", "Turn pictures into vectors")->group("Commands");
  cmd.add_option("PATHS", x->paths, "Pictures, and folders to walk through")->required()->type_name("");
  cmd.add_option("-o,--output", x->out, "Where to write: a name that ends in .npy, or - for standard output")
      ->capture_default_str()
      ->type_name("OUT");
  cmd.add_option("-m,--model", x->model,
                 "Id of a model, a checkpoint's folder, or a .pt, .pt2, .toml, .json file")
      ->type_name("ID");
  cmd.add_option("--variant", x->variant, "How to prepare pictures; 'vef info ID' lists the ways")
      ->capture_default_str()
      ->type_name("NAME");
  cmd.add_option("-b,--batch", x->batch, "Pictures in a forward pass; as the model prefers if not given")
      ->check(whole(1, 256))
      ->type_name("N");
  cmd.add_option("-j,--jobs", line.common.jobs, "Pictures decoded at once; as many as threads if not given")
      ->check(whole(1, 1024))
      ->type_name("N");
  auto resume = cmd.add_flag("--resume", x->resume, "Go on with an earlier run of the same output");
  cmd.add_flag("--restart", x->restart, "Throw away an unfinished run of the same output")->excludes(resume);
  cmd.footer(embed_notes);
  cmd.callback([x, &line] {
    line.command = [x](const common_options& common, console& out) { return embed_command(*x, common, out); };
  });
}

void add_lists(CLI::App& app, command_line& line) {
  auto as_json = std::make_shared<bool>(false);
  auto model = std::make_shared<std::string>();
  auto with_json = [&](CLI::App& cmd) { cmd.add_flag("--json", *as_json, "Print JSON"); };

  auto& models =
      *app.add_subcommand("models", "List the models that can be embedded with")->group("Commands");
  with_json(models);
  models.callback([as_json, &line] {
    line.command = [as_json](const common_options& c, console& out) {
      return models_command(c, *as_json, out);
    };
  });
  auto& info = *app.add_subcommand("info", "Tell all about one model")->group("Commands");
  info.add_option("ID", *model, "Id of a model, a checkpoint's folder, or a .pt, .pt2, .toml, .json file")
      ->required()
      ->type_name("");
  with_json(info);
  info.callback([as_json, model, &line] {
    line.command = [as_json, model](const common_options& c, console& out) {
      return info_command(*model, c, *as_json, out);
    };
  });
}

void add_status(CLI::App& app, command_line& line) {
  auto x = std::make_shared<status_options>();
  auto& cmd = *app.add_subcommand("status", "Show services and their health, memory and the machine")
                   ->group("Commands");
  cmd.add_flag("--json", x->as_json, "Print JSON; with --watch, a line each time");
  cmd.add_flag("-w,--watch", x->watch, "Show it again and again, until interrupted");
  cmd.add_option("--interval", x->interval, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->capture_default_str()
      ->type_name("S");
  cmd.footer(status_notes);
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return status_command(*x, c, out); };
  });
}

void add_pull(CLI::App& app, command_line& line) {
  auto x = std::make_shared<pull_request>();
  auto& cmd = *app.add_subcommand("pull", "Download a model from the Hugging Face Hub")->group("Commands");
  cmd.add_option("MODEL", x->model, "ORG/NAME, or ORG/NAME@REVISION")->required()->type_name("");
  cmd.add_option("--parallel", x->parallel, "Files at once")
      ->check(whole(1, 16))
      ->capture_default_str()
      ->type_name("N");
  cmd.add_flag("--json", x->as_json, "Print what was pulled as JSON");
  cmd.footer(pull_notes);
  cmd.callback([x, &line] {
    line.command = [x](const common_options& c, console& out) { return pull_command(*x, c, out); };
  });
}

void add_vectors_option(CLI::App& cmd, std::string& in) {
  cmd.add_option("-i,--in", in, "Vectors that 'vef embed' wrote")->required()->type_name("OUT.npy");
}

void add_similar(CLI::App& app, command_line& line) {
  auto x = std::make_shared<similar_options>();
  auto& cmd =
      *app.add_subcommand("similar", "Find the pictures that are most like a new one")->group("Commands");
  cmd.add_option("IMAGE", x->image, "The picture to compare with")->required()->type_name("");
  add_vectors_option(cmd, x->in);
  cmd.add_option("-k", x->k, "How many to find")
      ->check(whole(1, 100000))
      ->capture_default_str()
      ->type_name("N");
  cmd.add_option("-m,--model", x->model, "Only for vectors without an OUT.meta.json")->type_name("ID");
  cmd.add_option("--sheet", x->sheet, "Draw them into a PNG")->type_name("FILE");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& common, console& out) {
      return similar_command(*x, common, out);
    };
  });
}

void add_neighbours(CLI::App& app, command_line& line) {
  auto x = std::make_shared<neighbours_options>();
  auto& cmd = *app.add_subcommand("neighbours", "Show what each picture is most like")->group("Commands");
  add_vectors_option(cmd, x->in);
  cmd.add_option("-k", x->k, "Neighbours of each")
      ->check(whole(1, 1000))
      ->capture_default_str()
      ->type_name("N");
  cmd.add_option("--rows", x->rows, "Show so many scenes, those with the closest matches; all if not given")
      ->check(whole(1, 1'000'000'000))
      ->type_name("N");
  cmd.add_option("--sheet", x->sheet, "Draw the scenes into a PNG, 12 if --rows does not say")
      ->type_name("FILE");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& common, console& out) {
      return neighbours_command(*x, common, out);
    };
  });
}

void add_duplicates(CLI::App& app, command_line& line) {
  auto x = std::make_shared<duplicates_options>();
  auto& cmd =
      *app.add_subcommand("duplicates", "Group the pictures that are nearly the same")->group("Commands");
  add_vectors_option(cmd, x->in);
  cmd.add_option("-t,--threshold", x->threshold,
                 "Least similarity of two that are linked; 0.9 suits the descriptors")
      ->check(CLI::Range(-1.0, 1.0).description(""))
      ->capture_default_str()
      ->type_name("T");
  cmd.add_flag("--json", x->as_json, "Print JSON");
  cmd.callback([x, &line] {
    line.command = [x](const common_options& common, console& out) {
      return duplicates_command(*x, common, out);
    };
  });
}

// What CLI11 says of a command or option that there is not is terse; a slip has a nearest word.
std::string explain(const CLI::App& app, const CLI::ParseError& problem, int argc, const char* const* argv) {
  std::vector<std::string> commands, flags;
  for (auto x : app.get_subcommands([](const CLI::App*) { return true; })) commands.push_back(x->get_name());
  auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    for (int i = 1; i < argc; ++i)
      if (argv[i][0] != '-') return unknown("command", argv[i], commands);
    return argc > 1 ? problem.what() : "no command is given";
  }
  for (auto owner : {&app, static_cast<const CLI::App*>(chosen.front())})
    for (auto option : owner->get_options())
      for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
  auto left = app.remaining(true);
  if (!left.empty() && left.front().starts_with("-"))
    return unknown("option", left.front().substr(0, left.front().find('=')), flags);
  return problem.what();
}

// The help of the command that was chosen, which says where the options for all commands are.
std::string help_of(const CLI::App& app) {
  auto text = app.help();
  if (!app.get_subcommands().empty())
    text.insert(text.find('\n', text.find("Usage: ")), "\n('vef --help' lists the options for all commands)");
  for (auto i = text.find("\n\n\n"); i != text.npos; i = text.find("\n\n\n", i)) text.erase(i, 1);
  text.erase(text.find_last_not_of('\n') + 1);
  return text + '\n';
}

} // namespace

std::optional<exit_code> read_command_line(int argc, const char* const* argv, command_line& out,
                                           console& complaints) {
  CLI::App app{overview, "vef"};
  app.get_formatter()->column_width(28);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.set_help_flag("-h,--help", "Show this, or with a command what it takes");
  app.set_version_flag("--version", "vef " + std::string{version}, "Show the version");
  app.require_subcommand(1)->fallthrough();
  add_common_options(app, out);
  add_network_options(app, out);
  add_checkpoint_options(app, out);
  add_embed(app, out);
  add_similar(app, out);
  add_neighbours(app, out);
  add_duplicates(app, out);
  add_lists(app, out);
  add_status(app, out);
  add_pull(app, out);
  add_node_commands(app, out);
  app.footer(examples); // last, since commands take over what is there when they are added
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print(complaints, help_of(app));
  } catch (const CLI::CallForVersion&) {
    return print(complaints, "vef " + std::string{version} + '\n');
  } catch (const CLI::ParseError& problem) {
    auto chosen = app.get_subcommands();
    auto help = chosen.empty() ? std::string{"vef"} : "vef " + chosen.front()->get_name();
    complaints.say("vef: " + explain(app, problem, argc, argv) + " (see '" + help + " --help')");
    return exit_code::bad_arguments;
  }
  add_environment(out);
  out.log.quiet = out.common.quiet;
  return std::nullopt;
}

} // namespace vef
