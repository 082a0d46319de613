#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/node_file.hpp>
#include <vef/supervisor/spec_file.hpp>

using namespace vef;
using namespace std::chrono_literals;

namespace {

const std::string good_toml = R"([node]
name = "a"
listen = "127.0.0.1:7500"
advertise = "a.example.org"
join = ["b:7400", "[::1]:7401"]
tls = "tls"
labels = ["gpu", "rack-7"]
shared_folders = ["photos", "/usr/"]
read_only = true
models = ["../models", "/srv/models"]
budget = "50%"
threads = 8

[node.peers]
most_bytes = "32MiB"
most_open = 7
requests_per_second = 0.5
burst = 3
most_unread = 1000000
silence = "20s"

[node.outliers]
failures = 2
first_ejection = "1s"
longest_ejection = 9
most_ejected = 1

[node.reconnect]
first_pause = "50ms"
longest_pause = "2s"

[[placement]]
model = "clip-*"
nodes = ["a", "b"]
labels = ["gpu"]
replicas = 2

[[placement]]
model = "*"

[[service]]
name = "descriptors"
)";

const std::string good_json = R"({
  "node": {"name": "a", "listen": "127.0.0.1:7500", "advertise": "a.example.org",
           "join": ["b:7400", "[::1]:7401"], "tls": "tls", "labels": ["gpu", "rack-7"],
           "shared_folders": ["photos", "/usr/"], "read_only": true, "models": ["../models", "/srv/models"],
           "budget": "50%", "threads": 8,
           "peers": {"most_bytes": 33554432, "most_open": 7, "requests_per_second": 0.5, "burst": 3,
                     "most_unread": "1MB", "silence": 20},
           "outliers": {"failures": 2, "first_ejection": 1, "longest_ejection": "9s", "most_ejected": 1.0},
           "reconnect": {"first_pause": 0.05, "longest_pause": "2s"}},
  "placement": [{"model": "clip-*", "nodes": ["a", "b"], "labels": ["gpu"], "replicas": 2}, {"model": "*"}],
  "service": [{"name": "descriptors"}]
})";

node_file good_file(const std::filesystem::path& folder) {
  node_file out;
  auto& x = out.node;
  x.name = "a";
  x.listen = {"127.0.0.1", 7500};
  x.advertise = "a.example.org";
  x.join = {{"b", 7400}, {"::1", 7401}};
  x.tls = folder / "tls";
  x.labels = {"gpu", "rack-7"};
  x.shared_folders = {folder / "photos", "/usr"};
  x.read_only = true;
  x.peers = {32_MiB, 7, 0.5, 3, 1'000'000, 20s};
  x.outliers = {2, 1s, 9s, 1};
  x.reconnect.first_pause = 50ms;
  x.reconnect.longest_pause = 2s;
  x.placement = {{"clip-*", {"a", "b"}, {"gpu"}, 2}, {.model = "*"}};
  out.services = {{.name = "descriptors"}};
  out.models = {(folder.parent_path() / "models").string(), "/srv/models"};
  out.budget = "50%";
  out.threads = 8;
  return out;
}

// What is said of a file, without its folder; nothing where all is well.
std::string complaint(const std::string& text, const std::string& name = "n.toml") {
  test::scratch here;
  here.put("photos/a.jpg");
  auto read = read_node_file(here.put(name, text));
  if (read) return {};
  CHECK(read.error().code == errc::invalid_config);
  auto what = read.error().what;
  auto folder = here / "";
  for (auto p = what.find(folder); p != what.npos; p = what.find(folder)) what.erase(p, folder.size());
  return what;
}

// What is said of the good file with a change in it.
std::string changed(const std::string& from, const std::string& to) {
  auto p = good_toml.find(from);
  REQUIRE(p != good_toml.npos);
  return complaint(std::string{good_toml}.replace(p, from.size(), to));
}

} // namespace

TEST_CASE("every key of a node's file is read, from TOML and JSON alike, and paths from its folder") {
  test::scratch here;
  here.put("photos/a.jpg");
  CHECK(read_node_file(here.put("n.toml", good_toml)) == good_file(here.folder()));
  CHECK(read_node_file(here.put("n.json", good_json)) == good_file(here.folder()));
}

TEST_CASE("a node's file that says nothing has the defaults of a node") {
  test::scratch here;
  CHECK(read_node_file(here.put("n.toml", "")) == node_file{});
  CHECK(read_node_file(here.put("n.toml", "[node]\npeers = {}\noutliers = {}\nreconnect = {}\n"))
        == node_file{});
}

TEST_CASE("a node's file serves as a services file, which does not judge what it says of the node") {
  test::scratch here;
  auto specs = read_service_specs(here.put("n.toml", good_toml));
  CHECK(specs == std::vector{service_spec{.name = "descriptors"}});
  CHECK(read_service_specs(here.put("m.toml", "node = 7\n[[placement]]\nwrong = 1\n"))
        == std::vector<service_spec>{});
}

TEST_CASE("a key of a node's file that is unknown is refused with the nearest one") {
  CHECK(complaint("[nodes]\n") == "n.toml:1:2: unknown key 'nodes'; did you mean 'node'?");
  CHECK(changed("listen =", "lisen =")
        == "n.toml:3:1: unknown key 'node.lisen'; did you mean 'node.listen'?");
  CHECK(changed("burst =", "bursts =")
        == "n.toml:18:1: unknown key 'node.peers.bursts'; did you mean 'node.peers.burst'?");
  CHECK(changed("failures =", "failure =")
        == "n.toml:23:1: unknown key 'node.outliers.failure'; did you mean 'node.outliers.failures'?");
  CHECK(
      changed("first_pause =", "fist_pause =")
      == "n.toml:29:1: unknown key 'node.reconnect.fist_pause'; did you mean 'node.reconnect.first_pause'?");
  CHECK(changed("replicas =", "replica =")
        == "n.toml:36:1: unknown key 'placement[0].replica'; did you mean 'placement[0].replicas'?");
  CHECK(changed("name = \"descriptors\"", "nam = \"descriptors\"")
        == "n.toml:42:1: unknown key 'service[0].nam'; did you mean 'service[0].name'?");
  CHECK(complaint(R"({"node": {"lables": []}})", "n.json")
        == "n.json: unknown key 'node.lables'; did you mean 'node.labels'?");
}

TEST_CASE("an address of a node's file that is none is refused at its place") {
  CHECK(changed("\"127.0.0.1:7500\"", "\"127.0.0.1:port\"").starts_with("n.toml:3:10: "));
  CHECK(changed("\"127.0.0.1:7500\"", "7500")
        == "n.toml:3:10: 'node.listen' must be an address such as \"0.0.0.0:7400\", not 7500");
  CHECK(changed("\"a.example.org\"", "\"a.example.org:http\"").starts_with("n.toml:4:13: "));
  CHECK(changed("\"[::1]:7401\"", "\"[::1:7401\"").starts_with("n.toml:5:19: "));
}

TEST_CASE("a node without certificates is refused where others can reach it") {
  auto said = [](const std::string& listen) {
    return complaint("[node]\nlisten = \"" + listen + "\"\ninsecure = true\n");
  };
  CHECK(
      said("0.0.0.0:7400")
      == "n.toml:3:12: 'insecure' is for this machine alone, and others can reach '0.0.0.0:7400': listen at "
         "127.0.0.1, or take 'insecure' away");
  CHECK(said("[::]:7400").starts_with("n.toml:3:12: "));
  CHECK(said("b.example.org").starts_with("n.toml:3:12: "));
  for (auto here : {"127.0.0.1:7400", "[::1]:7400", "localhost", ":0"}) CHECK(said(here).empty());
  CHECK(complaint("[node]\ninsecure = true\n").empty());
}

TEST_CASE("a node that is insecure and has certificates is refused") {
  CHECK(complaint("[node]\ninsecure = true\ntls = \"tls\"\n")
        == "n.toml:2:12: 'insecure' and 'tls' contradict each other: take one of them away");
  CHECK(complaint("[node]\ninsecure = false\ntls = \"tls\"\n").empty());
}

TEST_CASE("a node's name that is empty or can't be shown is refused") {
  CHECK(changed("\"a\"", "\"\"") == "n.toml:2:8: 'node.name' must be a text, not empty");
  CHECK(
      changed("\"a\"", "\"a\\nb\"")
      == "n.toml:2:8: 'node.name' must be a text without control characters and invalid bytes, not the text "
         "'a\\nb'");
  CHECK(changed("\"a\"", "\"a\\u0000\"") == "n.toml:2:8: 'node.name' must be a text, not the text 'a\\x00'");
  CHECK(changed("\"a\"", "\"Zürich 1\"").empty());
}

TEST_CASE("a shared folder that does not exist or is a file is refused at its place") {
  CHECK(changed("\"/usr/\"", "\"/no/such\"")
        == "n.toml:8:29: the shared folder '/no/such' does not exist, or is no folder");
  CHECK(changed("\"/usr/\"", "\"photos/a.jpg\"")
        == "n.toml:8:29: the shared folder 'photos/a.jpg' does not exist, or is no folder");
}

TEST_CASE("sizes of a node's file are texts with units or bytes") {
  const std::string a_size = " must be a size such as \"64MiB\", or bytes as a number, and not 0, not ";
  const std::string peers = "n.toml:15:14: 'node.peers.most_bytes'" + a_size;
  CHECK(changed("\"32MiB\"", "\"32 gigs\"") == peers + "the text '32 gigs'");
  CHECK(changed("\"32MiB\"", "0") == peers + "0");
  CHECK(changed("\"32MiB\"", "-1") == peers + "-1");
  CHECK(changed("\"32MiB\"", "1.5") == peers + "1.5");
  CHECK(changed("\"32MiB\"", "\"50%\"") == peers + "the text '50%'");
  CHECK(changed("1000000", "[]") == "n.toml:19:15: 'node.peers.most_unread'" + a_size + "a list of 0");
  for (auto bad : {"\"101%\"", "\"much\"", "0", "true"})
    CHECK(changed("\"50%\"", bad)
              .starts_with("n.toml:11:10: 'node.budget' must be a size such as \"16GiB\", a share such as "
                           "\"80%\", or bytes"));
  CHECK(changed("\"50%\"", "\"16 GiB\"").empty());
}

TEST_CASE("limits of peers that let nothing through are refused") {
  const std::string whole = " must be a whole number from 1 to 4294967295, not 0";
  CHECK(changed("most_open = 7", "most_open = 0") == "n.toml:16:13: 'node.peers.most_open'" + whole);
  CHECK(changed("burst = 3", "burst = 0") == "n.toml:18:9: 'node.peers.burst'" + whole);
  for (std::string bad : {"0", "-1", "nan", "inf"})
    CHECK(changed("= 0.5", "= " + bad)
          == "n.toml:17:23: 'node.peers.requests_per_second' must be a number above 0, not " + bad);
  CHECK(changed("\"20s\"", "0") == "n.toml:20:11: 'node.peers.silence' must be longer than 0 ms, not 0");
  CHECK(changed("threads = 8", "threads = 0") == "n.toml:12:11: 'node.threads'" + whole);
}

TEST_CASE("rules for nodes that fail are refused where they contradict themselves") {
  CHECK(changed("failures = 2", "failures = 0").starts_with("n.toml:23:12: 'node.outliers.failures'"));
  for (std::string bad : {"1.01", "-0.1", "nan"})
    CHECK(changed("most_ejected = 1", "most_ejected = " + bad)
          == "n.toml:26:16: 'node.outliers.most_ejected' must be a share from 0 to 1, not " + bad);
  CHECK(changed("most_ejected = 1", "most_ejected = 0").empty());
  CHECK(changed("longest_ejection = 9", "longest_ejection = 0.9")
        == "n.toml:25:20: outlier rules: the longest ejection must not be shorter than the first");
  CHECK(complaint("[node.outliers]\nfirst_ejection = \"2min\"\n")
        == "n.toml:2:18: outlier rules: the longest ejection must not be shorter than the first");
  CHECK(changed("\"50ms\"", "0")
        == "n.toml:29:15: 'node.reconnect.first_pause' must be longer than 0 ms, not 0");
  CHECK(changed("\"2s\"", "\"40ms\"")
        == "n.toml:30:17: restart rules: the longest pause must not be shorter than the first");
}

TEST_CASE("a rule for placement that would put a model nowhere is refused") {
  CHECK(changed("replicas = 2", "replicas = 0")
        == "n.toml:36:12: 'placement[0].replicas' must be a whole number from 1 to 4294967295, not 0");
  CHECK(changed("model = \"*\"", "replicas = 1")
        == "n.toml:38:1: the key 'placement[1].model' is missing: an id, with * for any text");
}

TEST_CASE("services of a node's file are judged as those of a services file") {
  CHECK(complaint(good_toml + "[[service]]\nname = \"descriptors\"\n")
        == "n.toml:44:8: two services are named 'descriptors'; the first one is at n.toml:42:8");
}

TEST_CASE("a node's file that is missing or has wrong syntax is refused by its name") {
  auto none = read_node_file("/no/such/n.toml");
  REQUIRE_FALSE(none);
  CHECK(none.error().what == "/no/such/n.toml: no such file, or no file at all");
  CHECK(complaint("[node\n").starts_with("n.toml:1:"));
  CHECK(complaint("node = 3\n") == "n.toml:1:8: 'node' must be a table, not a whole number");
}
