#include <vef/apps/certs_command.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/text.hpp>
#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/tls_files.hpp>

#include <algorithm>

namespace vef {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::days authority_valid{3650};

// No host has such a name (RFC 6761), so that nobody is connected to by a client's certificate.
constexpr auto of_client = ".client.invalid";

// One folder to make.
struct member {
  std::string name;
  std::vector<std::string> hosts;
  bool is_client = false;
};

exit_code code_of(const error& x) {
  return x.code == errc::invalid_argument || x.code == errc::duplicate_name ? exit_code::bad_arguments
                                                                            : exit_code::nothing_done;
}

// It names a folder, also where that is copied to.
bool is_name(std::string_view x) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !x.empty() && x.front() != '.' && x.front() != '-' && x.find_first_not_of(allowed) == x.npos;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    auto end = text.find(',');
    out.emplace_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& x : words) out += (out.empty() ? "" : ", ") + x;
  return out;
}

result<member> parse_host(std::string_view text) {
  auto equals = text.find('=');
  member out{.name = std::string{text.substr(0, equals)}, .hosts = {}};
  out.hosts = split(equals == text.npos ? text : text.substr(equals + 1));
  if (is_name(out.name)) return out;
  auto advice = equals == text.npos ? "; give it a name: NAME=" + printable(text) : std::string{};
  return fail(errc::invalid_argument, "no folder can have the name " + vef::quoted(out.name) + advice);
}

result<member> parse_client(const std::string& name) {
  if (!is_name(name)) return fail(errc::invalid_argument, "no folder can have the name " + vef::quoted(name));
  return member{.name = name, .hosts = {name + of_client}, .is_client = true};
}

result<std::vector<member>> members_of(const certs_request& x) {
  std::vector<member> out;
  for (const auto& host : x.hosts) {
    auto read = parse_host(host);
    if (!read) return fail(read.error());
    out.push_back(std::move(*read));
  }
  for (const auto& client : x.clients) {
    auto read = parse_client(client);
    if (!read) return fail(read.error());
    out.push_back(std::move(*read));
  }
  if (out.empty()) return fail(errc::invalid_argument, "no certificates to make: name hosts, or a --client");
  for (auto i = out.begin(); i != out.end(); ++i)
    if (std::ranges::any_of(out.begin(), i, [&](const member& other) { return other.name == i->name; }))
      return fail(errc::duplicate_name, "two folders would have the name " + vef::quoted(i->name));
  return out;
}

// What is there stays, unless it is renewed: then for the same hosts, where no others are given.
result<void> look_at_earlier(std::vector<member>& members, const certs_request& x) {
  for (auto& m : members) {
    auto folder = fs::path{x.out} / m.name;
    std::error_code none;
    if (!fs::exists(folder, none)) continue;
    if (!x.renew)
      return fail(errc::cannot_write, "cannot make " + vef::quoted(folder.string())
                                          + ": it is there already; --renew makes its certificate anew");
    auto hosts = certificate_hosts(folder);
    if (m.hosts == std::vector{m.name} && !hosts.empty()) m.hosts = std::move(hosts);
    m.is_client = m.hosts.front().ends_with(of_client);
  }
  return {};
}

// Whether one was made.
result<bool> ensure_authority(const certs_request& x) {
  std::error_code none;
  if (fs::exists(fs::path{x.out} / "ca.pem", none)) return false;
  auto made = write_authority(x.out, x.authority, std::max(authority_valid, std::chrono::days{x.days}));
  if (!made) return fail(made.error());
  return true;
}

json to_json(const member& x, const fs::path& folder) {
  json out{{"name", x.name}, {"folder", folder.string()}, {"hosts", x.hosts}, {"client", x.is_client}};
  if (auto facts = certificate_in(folder)) out["expires"] = date_text(facts->expires_at);
  return out;
}

void tell(const member& x, const fs::path& folder, console& out) {
  auto facts = certificate_in(folder);
  out.say("vef: made " + printable(folder.string()) + " for "
          + (x.is_client ? "a program that connects" : printable(joined(x.hosts)))
          + (facts ? ", valid until " + date_text(facts->expires_at) : std::string{}));
}

void tell_what_is_next(const std::vector<member>& made, const certs_request& x, console& out) {
  auto node = std::ranges::find(made, false, &member::is_client);
  auto client = std::ranges::find(made, true, &member::is_client);
  auto folder = [&](auto found) { return printable((fs::path{x.out} / found->name).string()); };
  if (node != made.end())
    out.say("vef: next: copy each folder to its machine, as " + folder(node) + " to that of "
            + printable(node->hosts.front()) + ", and there: vef serve --tls " + printable(node->name));
  if (client != made.end())
    out.say("vef: next: copy " + folder(client) + " to where the program runs, and there: --tls "
            + printable(client->name));
}

} // namespace

exit_code certs_command(const certs_request& request, const common_options& common, console& out) {
  auto refuse = [&](const error& x) {
    complain(out, x);
    return code_of(x);
  };
  auto members = members_of(request);
  if (!members) return refuse(members.error());
  if (auto good = look_at_earlier(*members, request); !good) return refuse(good.error());
  auto fresh = ensure_authority(request);
  if (!fresh) return refuse(fresh.error());
  auto secret = fs::path{request.out} / "ca-key.pem";
  if (*fresh && !common.quiet)
    out.say("vef: made an authority in " + printable(request.out) + "; keep " + printable(secret.string())
            + " secret, and copy it to no node: whoever has it can let in anybody");
  json made{{"authority", {{"folder", request.out}, {"made", *fresh}}}, {"members", json::array()}};
  for (const auto& x : *members) {
    auto folder = fs::path{request.out} / x.name;
    auto done = write_node(request.out, folder, x.hosts, std::chrono::days{request.days},
                           request.renew ? earlier_files::renew : earlier_files::refuse);
    if (!done) return refuse(done.error());
    if (!common.quiet) tell(x, folder, out);
    made["members"].push_back(to_json(x, folder));
  }
  if (!common.quiet) tell_what_is_next(*members, request, out);
  return request.as_json ? print(out, to_page(made)) : exit_code::ok;
}

} // namespace vef
