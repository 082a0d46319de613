// Nodes over loopback: served, asked, joined, stopped. The certificates are those that the program makes for
// a user, in the test's own folder.
#include "apps/cli_support.hpp"

#include <vef/apps/text.hpp>

#include <algorithm>
#include <csignal>

using namespace vef::test;

namespace fs = std::filesystem;

namespace {

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

/// A node that has said that it is ready.
class node {
public:
  explicit node(const scratch& at, const std::vector<std::string>& arguments = {},
                const std::string& listen = "127.0.0.1:0")
      : run_(at, joined({"serve", "--listen", listen}, arguments)) {
    auto ready = run_.wait_until(at / ".io", [&] { return run_.out().ends_with('\n'); });
    INFO(run_.err());
    REQUIRE(ready);
    auto line = run_.out();
    constexpr std::string_view before = "vef: node '", between = "' listens at ";
    REQUIRE(line.starts_with(before));
    auto middle = line.find(between);
    REQUIRE(middle != line.npos);
    name_ = line.substr(before.size(), middle - before.size());
    address_ = line.substr(middle + between.size(), line.size() - middle - between.size() - 1);
  }

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  process& run() { return run_; }

private:
  process run_;
  std::string name_;
  std::string address_;
};

finished ask(const scratch& at, const node& whom, const std::vector<std::string>& arguments) {
  return vef::test::vef(at, joined(arguments, {"--node", whom.address()}));
}

nlohmann::json ask_json(const scratch& at, const node& whom, const std::vector<std::string>& arguments) {
  auto run = ask(at, whom, joined(arguments, {"--json"}));
  INFO(run.err);
  REQUIRE(run.code == 0);
  return nlohmann::json::parse(run.out);
}

/// Whether it is the case before a deadline. Each look is a run of the program.
bool eventually(const std::function<bool()>& reached) {
  for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
       std::chrono::steady_clock::now() < end;)
    if (reached()) return true;
  return false;
}

std::size_t nodes_up(const nlohmann::json& nodes) {
  return static_cast<std::size_t>(
      std::ranges::count_if(nodes, [](const auto& x) { return x["link"] == "here" || x["link"] == "up"; }));
}

nlohmann::json node_in(const nlohmann::json& nodes, const std::string& name) {
  for (const auto& x : nodes)
    if (x["facts"]["name"] == name) return x;
  return {};
}

/// Whether the program tells of the model's being in a node's memory.
bool holds(const nlohmann::json& one, const std::string& model) {
  return std::ranges::any_of(one["report"]["models"], [&](const auto& x) {
    return x["who"]["model"] == model && x["tier"] != "absent";
  });
}

void put_album(const scratch& at, int pictures = 20) {
  for (int i = 0; i < pictures; ++i) put_picture(at, "album/" + std::to_string(i) + ".jpg", i);
}

void check_page(const std::string& text) {
  for (const auto& line : split(text)) {
    INFO(line);
    CHECK(vef::display_width(line) <= vef::page_width);
  }
}

void check_refusal(const finished& run, int code, const std::string& what) {
  INFO(run.err);
  CHECK(run.code == code);
  CHECK(run.out.empty());
  CHECK(split(run.err).size() == 1);
  CHECK(run.err.starts_with("vef: "));
  CHECK(run.err.find(what) != std::string::npos);
}

} // namespace

// -- asking a node ------------------------------------------------------------------------------------------

TEST_CASE("a node answers what the program would answer by itself") {
  scratch at;
  node there{at};
  for (const auto& words : std::vector<std::vector<std::string>>{{"models"}, {"info", "descriptors-large"}}) {
    auto by_node = ask(at, there, words);
    INFO(by_node.err);
    CHECK(by_node.code == 0);
    CHECK(by_node.out == vef::test::vef(at, words).out);
  }
  auto status = ask_json(at, there, {"status"});
  CHECK(status["services"][0]["name"] == "descriptors");
  CHECK_FALSE(status.contains("machine"));
  CHECK(ask(at, there, {"status"}).out.find("at " + there.address()) != std::string::npos);
}

TEST_CASE("a node embeds a folder to the same bytes") {
  scratch at;
  put_album(at);
  at.put("album/no.jpg", "no picture");
  node there{at};
  auto here = vef::test::vef(at, {"embed", "album", "-o", "here.npy"});
  auto run = ask(at, there, {"embed", "album", "-o", "there.npy"});
  INFO(run.err);
  CHECK(run.code == here.code);
  CHECK(content_of(at / "there.npy") == content_of(at / "here.npy"));
  CHECK(read_npy<float>(at / "there.npy").shape[0] == 20);
  CHECK(content_of(at / "there.meta.json") == content_of(at / "here.meta.json"));
  CHECK(json_lines(content_of(at / "there.jsonl")).back()["error"] == "not_a_picture");

  auto found = ask_json(at, there, {"similar", at / "album/3.jpg", "--in", "here.npy", "-k", "1"});
  CHECK(found["matches"].size() == 1);
  auto again = ask(at, there, {"embed", "album", "-o", "here.npy", "--resume"});
  INFO(again.err);
  CHECK(again.err.find("20 pictures done before") != std::string::npos);
}

TEST_CASE("a picture below a shared folder is read by the node itself") {
  scratch at;
  put_album(at, 3);
  node there{at, {"--share", at / "album"}};
  auto shared = ask_json(at, there, {"nodes"})[0]["facts"]["shared_folders"];
  CHECK(shared == nlohmann::json{at / "album"});
  auto run = ask(at, there, {"embed", at / "album", "-o", "-"});
  CHECK(run.code == 0);
  CHECK(json_lines(run.out) == json_lines(vef::test::vef(at, {"embed", at / "album", "-o", "-"}).out));
}

TEST_CASE("the environment names a node and its models go before those of the environment") {
  scratch at;
  node there{at};
  auto run = vef::test::vef(at, {"models"},
                            {.environment = {"VEF_NODE=" + there.address(), "VEF_MODELS=/nowhere/at/all"}});
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(run.out.find("descriptors-small *") != std::string::npos);
}

TEST_CASE("of several nodes that are named one that lives suffices") {
  scratch at;
  node there{at};
  auto run = vef::test::vef(at, {"models", "--node", "127.0.0.1:1," + there.address()});
  INFO(run.err);
  CHECK(run.code == 0);
}

TEST_CASE("pictures that a node is killed over are done when it is back") {
  scratch at;
  put_picture(at, "in/p.jpg", 1, 1600, 1200);
  for (int i = 0; i < 200; ++i)
    fs::create_hard_link(at / "in/p.jpg", at / "in/" + std::to_string(i) + ".jpg");
  auto first = std::make_unique<node>(at);
  auto address = first->address();
  process run{at, {"embed", "in", "-o", "v.npy", "--batch", "2", "--node", address}};
  REQUIRE(run.wait_until(at.folder(), [&] {
    return fs::exists(at / "v.npy.partial") && fs::file_size(at / "v.npy.partial") > 2000;
  }));
  first->run().signal(SIGKILL);
  CHECK(first->run().wait() == -SIGKILL);
  node second{at, {}, address};
  auto code = run.wait();
  INFO(run.err());
  CHECK(code == 0);
  CHECK(read_npy<float>(at / "v.npy").shape[0] == 201);
}

// -- models and services ------------------------------------------------------------------------------------

TEST_CASE("a model is loaded at a node and shown there and unloaded") {
  scratch at;
  node there{at, {"--name", "a", "--label", "blue"}};
  CHECK(there.name() == "a");
  auto loaded = ask_json(at, there, {"load", "descriptors-small"});
  CHECK(loaded["nodes"] == nlohmann::json{"a"});
  CHECK(loaded["service"] == "descriptors");
  CHECK(loaded["state"] == "ready");
  auto nodes = ask_json(at, there, {"nodes"});
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0]["link"] == "here");
  CHECK(nodes[0]["facts"]["labels"] == nlohmann::json{"blue"});
  CHECK(holds(nodes[0], "descriptors-small"));
  auto text = ask(at, there, {"nodes"});
  check_page(text.out);
  CHECK(text.out.find("descriptors/descriptors-small") != std::string::npos);

  auto unloaded = ask_json(at, there, {"unload", "descriptors-small"});
  REQUIRE(unloaded.size() == 1);
  CHECK(unloaded[0]["node"] == "a");
  CHECK(unloaded[0]["model"] == "descriptors-small");
  CHECK(unloaded[0]["outcome"].is_null());
  auto again = ask(at, there, {"unload", "--on", "a"});
  CHECK(again.code == 0);
  CHECK(again.out == "nothing of it was in memory\n");
}

TEST_CASE("loads and unloads say in words what happened and where") {
  scratch at;
  node there{at, {"--name", "a"}};
  auto loaded = ask(at, there, {"load", "descriptors-small", "--on", "a", "--service", "descriptors"});
  CHECK(loaded.code == 0);
  CHECK(loaded.out.starts_with("descriptors/descriptors-small is in memory of a: "));
  auto unloaded = ask(at, there, {"unload", "--service", "descriptors"});
  CHECK(unloaded.code == 0);
  CHECK(unloaded.out.find("descriptors/descriptors-small  a  ") != std::string::npos);
  check_page(unloaded.out);
}

TEST_CASE("names that a node does not know are told with the nearest") {
  scratch at;
  node there{at, {"--name", "alpha"}};
  check_refusal(ask(at, there, {"load", "descriptors-smal"}), 2, "did you mean 'descriptors-small'?");
  check_refusal(ask(at, there, {"unload", "descriptors-smal"}), 2, "did you mean 'descriptors-small'?");
  check_refusal(ask(at, there, {"load", "descriptors-small", "--on", "alhpa"}), 2, "did you mean 'alpha'?");
  check_refusal(ask(at, there, {"embed", "x.jpg", "--model", "net.pt"}), 2, "a node has models of its own");
}

TEST_CASE("services are made at a node") {
  scratch at;
  node there{at, {"--name", "a"}};
  auto made = ask(at, there, {"create", "--on", "a", "--backend", "descriptors", "--name", "second"});
  INFO(made.err);
  CHECK(made.code == 0);
  CHECK(made.out.starts_with("made service 'second' of backend 'descriptors' on node 'a' in "));
  auto loaded = ask_json(at, there, {"load", "descriptors-small", "--service", "second", "--on", "a"});
  CHECK(loaded["service"] == "second");

  auto file = at.put("two.toml", "[[service]]\nname = 'later'\nbackend = 'descriptors'\n"
                                 "dependencies = ['sooner']\n\n"
                                 "[[service]]\nname = 'sooner'\nbackend = 'descriptors'\n");
  auto both = ask_json(at, there, {"create", file, "--on", "a"});
  REQUIRE(both.size() == 2);
  CHECK(both[0]["name"] == "sooner");
  CHECK(both[1]["name"] == "later");
  CHECK(both[1]["state"] == "running");
  check_refusal(ask(at, there, {"create", "--on", "a", "--backend", "descriptors", "--name", "second"}), 2,
                "second");
}

TEST_CASE("a node that is read-only embeds and shows but lets nobody load") {
  scratch at;
  put_album(at, 1);
  node there{at, {"--name", "a", "--read-only"}};
  check_refusal(ask(at, there, {"load", "descriptors-small", "--on", "a"}), 1, "read-only");
  check_refusal(ask(at, there, {"create", "--on", "a", "--backend", "descriptors", "--name", "b"}), 1,
                "read-only");
  CHECK(ask(at, there, {"nodes"}).out.find("read-only") != std::string::npos);
  CHECK(ask(at, there, {"status"}).code == 0);
}

// -- several nodes ------------------------------------------------------------------------------------------

TEST_CASE("nodes that have joined know each other and do each other's work") {
  scratch at;
  put_album(at);
  node a{at, {"--name", "a"}};
  node b{at, {"--name", "b", "--join", a.address()}};
  for (auto whom : {&a, &b})
    REQUIRE(eventually([&] { return nodes_up(ask_json(at, *whom, {"nodes"})) == 2; }));
  auto loaded = ask_json(at, a, {"load", "descriptors-small", "--on", "b"});
  CHECK(loaded["nodes"] == nlohmann::json{"b"});
  REQUIRE(eventually([&] { return holds(node_in(ask_json(at, a, {"nodes"}), "b"), "descriptors-small"); }));
  auto text = ask(at, a, {"nodes"});
  check_page(text.out);

  REQUIRE(vef::test::vef(at, {"embed", "album", "-o", "here.npy"}).code == 0);
  auto run = ask(at, a, {"embed", "album", "-o", "there.npy"});
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(content_of(at / "there.npy") == content_of(at / "here.npy"));

  b.run().signal(SIGTERM);
  CHECK(b.run().wait() == 0);
  auto alone = ask(at, a, {"embed", "album", "-o", "alone.npy"});
  INFO(alone.err);
  CHECK(alone.code == 0);
  CHECK(content_of(at / "alone.npy") == content_of(at / "here.npy"));
}

// -- serving ------------------------------------------------------------------------------------------------

TEST_CASE("a node ends well on a signal") {
  scratch at;
  auto number = GENERATE(SIGINT, SIGTERM);
  node there{at};
  there.run().signal(number);
  CHECK(there.run().wait() == 0);
  CHECK(split(there.run().out()).size() == 1);
}

TEST_CASE("a node is as its file says and the command line goes before it") {
  scratch at;
  auto file = at.put("node.toml", "[node]\nname = 'filed'\nlisten = '127.0.0.1:1'\nlabels = ['blue']\n"
                                  "budget = '1GiB'\n\n"
                                  "[[service]]\nname = 'plain'\nbackend = 'descriptors'\n");
  node there{at, {file, "--name", "given"}};
  CHECK(there.name() == "given");
  auto nodes = ask_json(at, there, {"nodes"});
  CHECK(nodes[0]["facts"]["labels"] == nlohmann::json{"blue"});
  CHECK(nodes[0]["report"]["devices"][0]["capacity"] == 1073741824);
  auto status = ask_json(at, there, {"status"});
  REQUIRE(status["services"].size() == 1);
  CHECK(status["services"][0]["name"] == "plain");
}

TEST_CASE("a node with a bad file or bad arguments ends with two and says why") {
  scratch at;
  auto serve = [&](const std::vector<std::string>& arguments) {
    return vef::test::vef(at, joined({"serve", "--listen", "127.0.0.1:0"}, arguments));
  };
  auto file = at.put("node.toml", "[node]\nname = 'a'\nlabls = ['x']\n");
  check_refusal(serve({file}), 2, "node.toml:3:1");
  check_refusal(serve({file}), 2, "labels");
  check_refusal(serve({at / "none.toml"}), 2, "none.toml");
  check_refusal(serve({"--share", at / "none"}), 2, "there is no such folder");
  check_refusal(serve({"--join", "a b"}), 2, "cannot read the address");
  check_refusal(serve({"--name", "a\nb"}), 2, "--name");
  check_refusal(serve({"--node", "127.0.0.1:1"}), 2, "--join");
  check_refusal(serve({"--insecure", "--tls", at.folder().string()}), 2, "certificates");
  check_refusal(vef::test::vef(at, {"serve", "--insecure", "--listen", "0.0.0.0:0"}), 2, "loopback");
  check_refusal(vef::test::vef(at, {"serve", "--listen", "0.0.0.0:0"}), 2, "vef certs");
}

TEST_CASE("a node can not have the port of another one") {
  scratch at;
  node there{at};
  check_refusal(vef::test::vef(at, {"serve", "--listen", there.address()}), 1, "is taken");
}

// -- bad input of those that ask ----------------------------------------------------------------------------

TEST_CASE("nodes that can not be reached end a command with one") {
  scratch at;
  check_refusal(vef::test::vef(at, {"models", "--node", "127.0.0.1:1"}), 1, "127.0.0.1:1");
  check_refusal(vef::test::vef(at, {"embed", "x.jpg", "--node", "nowhere.invalid"}), 1, "nowhere.invalid");
}

TEST_CASE("those who do not trust each other do not talk") {
  scratch at;
  node there{at};
  auto stranger = vef::test::vef(at, {"models", "--insecure", "--node", there.address()});
  INFO(stranger.err);
  CHECK(stranger.code == 1);
}

TEST_CASE("options about models of this machine do not go with a node") {
  scratch at;
  auto refused = [&](const std::vector<std::string>& arguments, const std::string& what) {
    check_refusal(vef::test::vef(at, joined({"models", "--node", "127.0.0.1:1"}, arguments)), 2, what);
  };
  refused({"--models", at.folder().string()}, "--models is about models of this machine");
  refused({"--services", "x.toml"}, "--services is about");
  refused({"--budget", "1GiB"}, "--budget is about");
  refused({"--precision", "auto"}, "an option for checkpoints is about");
}

TEST_CASE("commands about nodes need one and its right name") {
  scratch at;
  check_refusal(vef::test::vef(at, {"nodes"}), 2, "--node HOST:PORT");
  check_refusal(vef::test::vef(at, {"unload"}), 2, "VEF_NODE");
  check_refusal(vef::test::vef(at, {"nodes", "--node", "7400"}), 2, "cannot read the address '7400'");
  check_refusal(vef::test::vef(at, {"create", "--on", "a", "--node", "127.0.0.1:1"}), 2, "--backend");
  check_refusal(vef::test::vef(at, {"create", "--on", "a", "--backend", "b", "--set", "x"}), 2, "KEY=VALUE");
}
