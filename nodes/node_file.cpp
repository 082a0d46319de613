#include <vef/nodes/node_file.hpp>

#include <vef/actors/restart_policy.hpp>
#include <vef/backends/size_text.hpp>
#include <vef/backends/table_reader.hpp>
#include <vef/supervisor/spec_file.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace fs = std::filesystem;

namespace {

using std::chrono::milliseconds;

// -- values -------------------------------------------------------------------------------------------------

// The text, and bytes that are a plain number as the text of it; nothing for other kinds of values.
std::string amount_text(const table_reader& in, std::string_view key) {
  auto found = std::ranges::find(in.entries(), key, &document::entry::key);
  if (found == in.entries().end()) return {};
  if (auto bytes = std::get_if<std::int64_t>(&found->value.value)) return std::to_string(*bytes);
  auto text = std::get_if<std::string>(&found->value.value);
  return text ? *text : std::string{};
}

std::uint64_t bytes_or(table_reader& in, std::string_view key, std::uint64_t otherwise) {
  if (!in.has(key)) return otherwise;
  if (auto bytes = parse_size(amount_text(in, key))) return *bytes;
  in.must_be(key, "a size such as \"64MiB\", or bytes as a number, and not 0");
  return otherwise;
}

// What a share is of is not known here: whoever sets memory aside reads the text once more.
std::string read_budget(table_reader& in) {
  if (!in.has("budget")) return {};
  constexpr std::uint64_t some_machine = 1_GiB;
  auto text = amount_text(in, "budget");
  if (!parse_size(text, some_machine))
    in.must_be("budget",
               "a size such as \"16GiB\", a share such as \"80%\", or bytes as a number, and not 0");
  return text;
}

milliseconds time_or(table_reader& in, std::string_view key, milliseconds otherwise) {
  auto time = in.duration_or(key, otherwise);
  if (time == milliseconds{0}) in.must_be(key, "longer than 0 ms");
  return time;
}

double number_or(table_reader& in, std::string_view key, double otherwise, bool (*is_good)(double),
                 const char* what) {
  if (!in.has(key)) return otherwise;
  auto number = in.number(key);
  if (!is_good(number)) in.must_be(key, what);
  return number;
}

node_address address_at(table_reader& in, const std::string& place, const std::string& text) {
  auto address = parse_address(text);
  if (address) return *address;
  in.refuse(place, address.error().what);
  return {};
}

// -- what peers may do --------------------------------------------------------------------------------------

peer_rules read_peers(table_reader in) {
  peer_rules out;
  out.most_bytes = bytes_or(in, "most_bytes", out.most_bytes);
  out.most_open = in.whole_or("most_open", out.most_open, 1);
  out.requests_per_second = number_or(
      in, "requests_per_second", out.requests_per_second, [](double x) { return x > 0 && std::isfinite(x); },
      "a number above 0");
  out.burst = in.whole_or("burst", out.burst, 1);
  out.most_unread = bytes_or(in, "most_unread", out.most_unread);
  out.silence = time_or(in, "silence", out.silence);
  return out;
}

outlier_rules read_outliers(table_reader in) {
  outlier_rules out;
  out.failures = in.whole_or("failures", out.failures, 1);
  out.first_ejection = time_or(in, "first_ejection", out.first_ejection);
  out.longest_ejection = time_or(in, "longest_ejection", out.longest_ejection);
  if (out.longest_ejection < out.first_ejection)
    in.refuse(in.where(in.has("longest_ejection") ? "longest_ejection" : "first_ejection"),
              "outlier rules: the longest ejection must not be shorter than the first");
  out.most_ejected = number_or(
      in, "most_ejected", out.most_ejected, [](double x) { return x >= 0 && x <= 1; }, "a share from 0 to 1");
  return out;
}

restart_rules read_reconnect(table_reader in, restart_rules out) {
  out.first_pause = time_or(in, "first_pause", out.first_pause);
  out.longest_pause = time_or(in, "longest_pause", out.longest_pause);
  if (auto good = validate(out); !good)
    in.refuse(in.where(in.has("longest_pause") ? "longest_pause" : "first_pause"), good.error().what);
  return out;
}

void read_rules(table_reader& in, node_options& out) {
  if (in.has("peers"))
    out.peers = read_peers(in.inner(
        "peers", {"most_bytes", "most_open", "requests_per_second", "burst", "most_unread", "silence"},
        "a table of limits"));
  if (in.has("outliers"))
    out.outliers = read_outliers(in.inner(
        "outliers", {"failures", "first_ejection", "longest_ejection", "most_ejected"}, "a table of rules"));
  if (in.has("reconnect"))
    out.reconnect = read_reconnect(
        in.inner("reconnect", {"first_pause", "longest_pause"}, "a table of times"), out.reconnect);
}

// -- the node -----------------------------------------------------------------------------------------------

void read_addresses(table_reader& in, node_options& out) {
  if (in.has("listen"))
    out.listen =
        address_at(in, in.where("listen"), in.string("listen", "an address such as \"0.0.0.0:7400\""));
  out.advertise = in.string_or("advertise", {});
  if (!out.advertise.empty()) address_at(in, in.where("advertise"), out.advertise);
  auto join = in.strings("join");
  for (std::size_t i = 0; i < join.size(); ++i)
    out.join.push_back(address_at(in, in.where("join", i), join[i]));
}

void judge_secrecy(table_reader& in, const node_options& x) {
  if (!x.insecure) return;
  if (!x.tls.empty())
    in.refuse(in.where("insecure"), "'insecure' and 'tls' contradict each other: take one of them away");
  if (!is_loopback(x.listen))
    in.refuse(in.where("insecure"), "'insecure' is for this machine alone, and others can reach "
                                        + vef::quoted(to_string(x.listen))
                                        + ": listen at 127.0.0.1, or take 'insecure' away");
}

void judge_name(table_reader& in, const std::string& name) {
  // What vef::quoted has to escape would forge lines of logs.
  if (vef::quoted(name) != '\'' + name + '\'')
    in.must_be("name", "a text without control characters and invalid bytes");
}

// Without a slash at its end, which would be one more, empty name.
fs::path resolved(const fs::path& folder, const std::string& path) {
  auto out = (folder / path).lexically_normal();
  return out.has_filename() ? out : out.parent_path();
}

void read_shared_folders(table_reader& in, const fs::path& folder, node_options& out) {
  auto names = in.strings("shared_folders");
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto path = resolved(folder, names[i]);
    std::error_code problem;
    if (!fs::is_directory(path, problem))
      in.refuse(in.where("shared_folders", i),
                "the shared folder " + vef::quoted(path.string()) + " does not exist, or is no folder");
    out.shared_folders.push_back(std::move(path));
  }
}

void read_node(table_reader in, const fs::path& folder, node_file& out) {
  auto& x = out.node;
  x.name = in.string_or("name", {});
  judge_name(in, x.name);
  read_addresses(in, x);
  if (in.has("tls")) x.tls = resolved(folder, in.string("tls", "a folder"));
  x.insecure = in.boolean_or("insecure", x.insecure);
  judge_secrecy(in, x);
  x.labels = in.strings("labels");
  read_shared_folders(in, folder, x);
  x.read_only = in.boolean_or("read_only", x.read_only);
  for (const auto& name : in.strings("models")) out.models.push_back(resolved(folder, name).string());
  out.budget = read_budget(in);
  out.threads = in.whole_or("threads", out.threads, 1);
  read_rules(in, x);
}

placement_rule read_placement(table_reader& in) {
  placement_rule out;
  out.model = in.string("model", "an id, with * for any text");
  out.nodes = in.strings("nodes");
  out.labels = in.strings("labels");
  out.replicas = in.whole_or("replicas", out.replicas, 1);
  return out;
}

} // namespace

result<node_file> read_node_file(const fs::path& file) {
  auto root = read_document(file);
  if (!root) return fail(root.error());
  std::error_code none;
  auto folder = fs::absolute(file, none).parent_path();
  if (none)
    return fail(errc::invalid_config,
                place(file) + ": its folder is not known (" + none.message() + "): name it by a whole path");

  node_file out;
  error problem;
  table_reader in{*root, {}, problem, {"node", "placement", "service"}};
  if (in.has("node"))
    read_node(in.inner("node",
                       {"name", "listen", "advertise", "join", "tls", "insecure", "labels", "shared_folders",
                        "read_only", "models", "budget", "threads", "peers", "outliers", "reconnect"},
                       "a table"),
              folder, out);
  in.each("placement", {"model", "nodes", "labels", "replicas"},
          [&](table_reader& rule) { out.node.placement.push_back(read_placement(rule)); });
  out.services = read_services(in);
  if (problem) return fail(problem);
  return out;
}

} // namespace vef
