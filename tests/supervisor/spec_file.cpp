#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/supervisor/spec_file.hpp>

#include <random>

using namespace vef;
using namespace std::chrono_literals;

namespace {

const std::string good_toml = R"([[service]]
name = "clip"
backend = "torch"
dependencies = ["descriptors"]
required_capabilities = ["cuda", "path:/srv/models"]
startup_priority = -3
health_check_interval = "1.5s"
auto_start = false
max_loaded_models = 2
isolation = "process"
settings = { models = "../models", threads = 4, share = 0.1, fast = true, note = "" }
idle = { device = "20s", host = 90 }
health = { deadline = "700ms", misses = 7, stuck_after = "3min", canary = true }
restart = { first_pause = "1 ms", longest_pause = 2.5, most = 0, window = "2h", with_dependencies = true, warm = true }

[[service]]
name = "descriptors"
)";

const std::string good_json = R"({"service": [
  {"name": "clip", "backend": "torch", "dependencies": ["descriptors"],
   "required_capabilities": ["cuda", "path:/srv/models"], "startup_priority": -3,
   "health_check_interval": 1.5, "auto_start": false, "max_loaded_models": 2, "isolation": "process",
   "settings": {"models": "../models", "threads": 4, "share": 0.1, "fast": true, "note": ""},
   "idle": {"device": 20, "host": "1.5min"},
   "health": {"deadline": "0.7s", "misses": 7, "stuck_after": 180, "canary": true},
   "restart": {"first_pause": 0.001, "longest_pause": "2500ms", "most": 0, "window": "120min",
               "with_dependencies": true, "warm": true}},
  {"name": "descriptors"}
]})";

std::vector<service_spec> good_specs() {
  service_spec clip{.name = "clip", .backend = "torch", .dependencies = {"descriptors"}};
  clip.required_capabilities = {"cuda", "path:/srv/models"};
  clip.startup_priority = -3;
  clip.health_check_interval = 1500ms;
  clip.auto_start = false;
  clip.max_loaded_models = 2;
  clip.isolation = isolation::process;
  clip.settings = {
      {"models", "../models"}, {"threads", "4"}, {"share", "0.1"}, {"fast", "true"}, {"note", ""}};
  clip.idle = idle_timeouts{20s, 90s};
  clip.health = {700ms, 7, 3min, true};
  clip.restart = {1ms, 2500ms, 0, 2h, true, true};
  return {clip, {.name = "descriptors"}};
}

result<std::vector<service_spec>> read(const std::string& text, const std::string& name = "s.toml") {
  test::scratch here;
  return read_service_specs(here.put(name, text));
}

// What is said of a file, without its folder; nothing where all is well.
std::string complaint(const std::string& text, const std::string& name = "s.toml") {
  test::scratch here;
  auto specs = read_service_specs(here.put(name, text));
  if (specs) return {};
  CHECK(specs.error().code == errc::invalid_config);
  auto what = specs.error().what;
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

std::string service(const std::string& name, const std::string& rest = "") {
  return "[[service]]\nname = \"" + name + "\"\n" + rest + "\n";
}

const std::string a_time = " must be a time such as \"200ms\", \"1.5s\", \"2min\" or \"1h\", or seconds as a "
                           "number, from 0 to a century";

} // namespace

TEST_CASE("every key of a services file is read in its order, from TOML and JSON alike") {
  CHECK(read(good_toml) == good_specs());
  CHECK(read(good_json, "s.json") == good_specs());
}

TEST_CASE("a service that names nothing but itself has the defaults of a spec") {
  CHECK(read(service("a")) == std::vector{service_spec{.name = "a"}});
  CHECK(read(service("a", "idle = {}\nhealth = {}\nrestart = {}\nsettings = {}"))
        == std::vector{service_spec{.name = "a", .idle = idle_timeouts{}}});
  auto specs = read(service("a", "idle.host = 1\nhealth.misses = 9\nrestart.warm = true"));
  service_spec some{.name = "a", .idle = idle_timeouts{.host = 1s}};
  some.health.misses = 9;
  some.restart.warm = true;
  CHECK(specs == std::vector{some});
}

TEST_CASE("a file without services is an empty list") {
  CHECK(read("") == std::vector<service_spec>{});
  CHECK(read(R"({"service": []})", "s.json") == std::vector<service_spec>{});
}

TEST_CASE("a time is a text with its unit or a number of seconds") {
  auto time = [](const std::string& text) {
    return read(service("a", "health_check_interval = " + text)).value().at(0).health_check_interval;
  };
  CHECK(time("\"200ms\"") == 200ms);
  CHECK(time("\"1.5s\"") == 1500ms);
  CHECK(time("\"2min\"") == 2min);
  CHECK(time("\"0.5 h\"") == 30min);
  CHECK(time("7") == 7s);
  CHECK(time("0.29") == 290ms);
  for (auto none : {"0", "0.0", "\"0s\""}) CHECK(time(none) == 0ms);
  CHECK(time("\"0.01ms\"") == 1ms); // 0 would mean something else
  CHECK(time("\"876000h\"") == 876000h);
}

TEST_CASE("what is no time is refused at its place") {
  auto said = [](const std::string& text) {
    return complaint(service("a", "health_check_interval = " + text));
  };
  auto where = "s.toml:3:25: 'service[0].health_check_interval'" + a_time + ", not ";
  for (auto x : {"-5", "-0.5", "nan", "inf", "1e+300", "9223372036854775807"}) CHECK(said(x) == where + x);
  for (std::string x : {"-1s", "nans", "infh", "1e999s", "876001h", "5", "s", "5 days", "5s ", "5S", "0x5s"})
    CHECK(said('"' + x + '"') == where + "the text '" + x + "'");
  CHECK(said("\"5s\\u0000\"") == where + "the text '5s\\x00'");
  CHECK(changed("\"20s\"", "-1") == "s.toml:12:19: 'service[0].idle.device'" + a_time + ", not -1");
  CHECK(changed("host = 90", "host = -1") == "s.toml:12:33: 'service[0].idle.host'" + a_time + ", not -1");
  CHECK(changed("\"700ms\"", "-1") == "s.toml:13:23: 'service[0].health.deadline'" + a_time + ", not -1");
  CHECK(changed("\"3min\"", "-1") == "s.toml:13:58: 'service[0].health.stuck_after'" + a_time + ", not -1");
  CHECK(changed("\"1 ms\"", "-1") == "s.toml:14:27: 'service[0].restart.first_pause'" + a_time + ", not -1");
  CHECK(changed("= 2.5", "= -1") == "s.toml:14:51: 'service[0].restart.longest_pause'" + a_time + ", not -1");
  CHECK(changed("\"2h\"", "-1") == "s.toml:14:75: 'service[0].restart.window'" + a_time + ", not -1");
}

TEST_CASE("a key of a services file that is unknown is refused with the nearest one") {
  CHECK(complaint("[services]\nname = \"a\"\n")
        == "s.toml:1:2: unknown key 'services'; did you mean 'service'?");
  CHECK(changed("backend =", "beckend =")
        == "s.toml:3:1: unknown key 'service[0].beckend'; did you mean 'service[0].backend'?");
  CHECK(changed("device =", "devices =")
        == "s.toml:12:10: unknown key 'service[0].idle.devices'; did you mean 'service[0].idle.device'?");
  CHECK(changed("misses =", "mises =")
        == "s.toml:13:32: unknown key 'service[0].health.mises'; did you mean 'service[0].health.misses'?");
  CHECK(changed("warm =", "worm =")
        == "s.toml:14:107: unknown key 'service[0].restart.worm'; did you mean 'service[0].restart.warm'?");
  CHECK(complaint(service("a", "gpu = 1")) == "s.toml:3:1: unknown key 'service[0].gpu'");
  // The first service's mistake is told, whatever its kind.
  CHECK(complaint(service("a", "auto_start = 1") + service("b", "gpu = 1")).starts_with("s.toml:3:14: "));
  CHECK(complaint(R"({"service": [{"name": "a"}, {"nam": "b"}]})", "s.json")
        == "s.json: unknown key 'service[1].nam'; did you mean 'service[1].name'?");
}

TEST_CASE("a value of the wrong type is refused at its place") {
  auto whole = [](const std::string& from, const std::string& to) {
    return " must be a whole number from " + from + " to " + to + ", not ";
  };
  CHECK(complaint("service = 3")
        == "s.toml:1:11: 'service' must be a list of tables, such as [[service]] "
           "begins one in TOML, not 3");
  CHECK(complaint("[service]\nname = \"a\"\n")
        == "s.toml:1:1: 'service' must be a list of tables, such as [[service]] begins one in TOML, not a "
           "table");
  CHECK(complaint("service = [7]") == "s.toml:1:12: 'service[0]' must be a table, not a whole number");
  CHECK(complaint("[[service]]\nbackend = \"torch\"\n")
        == "s.toml:1:1: the key 'service[0].name' is missing: the word by which others call the service");
  CHECK(changed("\"clip\"", "\"\"")
        == "s.toml:2:8: 'service[0].name' must be the word by which others call the service, not empty");
  CHECK(changed("\"torch\"", "7") == "s.toml:3:11: 'service[0].backend' must be a text, not 7");
  CHECK(changed("[\"descriptors\"]", "\"descriptors\"")
        == "s.toml:4:16: 'service[0].dependencies' must be a list of texts, not the text 'descriptors'");
  CHECK(changed("[\"descriptors\"]", "[\"descriptors\", 1.5]")
        == "s.toml:4:32: 'service[0].dependencies[1]' must be a text, not 1.5");
  CHECK(changed("= -3", "= 2147483648")
        == "s.toml:6:20: 'service[0].startup_priority'" + whole("-2147483648", "2147483647") + "2147483648");
  CHECK(changed("= false", "= \"no\"")
        == "s.toml:8:14: 'service[0].auto_start' must be true or false, not the text 'no'");
  CHECK(changed("_models = 2", "_models = -1")
        == "s.toml:9:21: 'service[0].max_loaded_models'" + whole("0", "4294967295") + "-1");
  CHECK(changed("\"process\"", "\"proces\"")
        == "s.toml:10:13: 'service[0].isolation': unknown word 'proces'; did you mean 'process'?, one of "
           "'none', 'process'");
  CHECK(
      changed("threads = 4", "threads = [4]")
      == "s.toml:11:46: 'service[0].settings.threads' must be a text, a number, or true or false, not a list "
         "of 1");
  CHECK(changed("{ device = \"20s\", host = 90 }", "\"20s\"")
        == "s.toml:12:8: 'service[0].idle' must be a table, not a text");
  CHECK(changed("misses = 7", "misses = 0")
        == "s.toml:13:41: 'service[0].health.misses'" + whole("1", "4294967295") + "0");
  CHECK(changed("most = 0", "most = -1")
        == "s.toml:14:63: 'service[0].restart.most'" + whole("0", "4294967295") + "-1");
}

TEST_CASE("rules that contradict themselves are refused at their place") {
  CHECK(changed("deadline = \"700ms\"", "deadline = 0")
        == "s.toml:13:10: service 'clip': health rules: the deadline must be longer than 0 ms");
  CHECK(
      changed("longest_pause = 2.5", "longest_pause = 0")
      == "s.toml:14:11: service 'clip': restart rules: the longest pause must not be shorter than the first");
}

TEST_CASE("a capability that is none is refused at its place") {
  const std::string second = "\"path:/srv/models\"";
  CHECK(changed(second, "\"pith:/srv\"")
            .starts_with("s.toml:5:34: required_capabilities: unknown capability 'pith"));
  CHECK(changed(second, "\"cuda\"").starts_with("s.toml:5:25: required_capabilities: 'cuda' stands twice"));
}

TEST_CASE("a name that is taken is refused with both places") {
  CHECK(complaint(service("a") + service("b") + service("a"))
        == "s.toml:8:8: two services are named 'a'; the first one is at s.toml:2:8");
  CHECK(complaint(R"({"service": [{"name": "a"}, {"name": "a"}]})", "s.json")
        == "s.json: two services are named 'a'; the first one is at s.json");
}

TEST_CASE("a dependency that is not in the file is refused with the nearest name") {
  CHECK(complaint(service("cache") + service("a", "dependencies = [\"cache\", \"cach\"]"))
        == "s.toml:6:26: service 'a' depends on an unknown service 'cach'; did you mean 'cache'?");
}

TEST_CASE("a circle of dependencies is refused where its first service in the file has them") {
  CHECK(complaint(service("x", "dependencies = [\"c\"]") + service("c", "dependencies = [\"b\"]")
                  + service("b", "dependencies = [\"c\"]"))
        == "s.toml:6:16: services depend on each other in a circle: b -> c -> b");
  CHECK(complaint(service("a") + service("me", "dependencies = [\"me\"]"))
        == "s.toml:6:16: services depend on each other in a circle: me -> me");
}

TEST_CASE("a services file with wrong syntax is refused with line and column") {
  CHECK(changed("startup_priority = -3", "startup_priority = ").starts_with("s.toml:6:"));
  CHECK(changed("auto_start = false", "auto_start = false\nauto_start = true").starts_with("s.toml:9:"));
  // What this parser of TOML would assert on.
  for (auto text : {"[=", "s = [}", "s = 2020-01-01T:"}) CHECK(complaint(text).starts_with("s.toml:1:"));
  CHECK(complaint("{\"service\": [}", "s.json").starts_with("s.json:1:14: "));
  CHECK(complaint("[]", "s.json") == "s.json: holds a list instead of a table of keys");
}

TEST_CASE("a services file that is missing, a folder, unreadable or huge is refused by its name") {
  test::scratch here;
  auto said = [](const std::string& file) {
    auto specs = read_service_specs(file);
    REQUIRE_FALSE(specs);
    CHECK(specs.error().code == errc::invalid_config);
    return specs.error().what;
  };
  CHECK(said(here / "none.toml") == here / "none.toml: no such file, or no file at all");
  CHECK(said(here.folder().string()) == here.folder().string() + ": no such file, or no file at all");
  CHECK(said("/proc/self/mem") == "/proc/self/mem: cannot be read"); // opens, and every read of it fails
  auto full = std::string(1 << 20, '\n');
  CHECK(read_service_specs(here.put("full.toml", full)) == std::vector<service_spec>{});
  CHECK(said(here.put("huge.toml", full + '\n'))
        == here / "huge.toml: over 1 MiB, too large for a settings file");
  CHECK(said(here / "a\nb") == here / "a\\nb: no such file, or no file at all");
}

TEST_CASE("any damage to a services file gives services or an error with the file's name") {
  test::scratch here;
  std::mt19937 random{11};
  auto below = [&](std::size_t n) { return random() % n; };
  const std::string marks{"[]{}\"'=\n,-.#\\\0\xff", 15};
  const std::string words[] = {
      "'''", "nan", "1e999", "[[service]]\n", "\\u0000", "name", "99999999999999999999"};
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    auto is_json = round % 2 == 1;
    auto text = is_json ? good_json : good_toml;
    for (auto changes = 1 + below(4); changes > 0 && !text.empty(); --changes) {
      auto p = below(text.size());
      switch (below(6)) {
      case 0: text.erase(p, 1 + below(20)); break;
      case 1: text[p] = marks[below(marks.size())]; break;
      case 2: text.insert(p, words[below(std::size(words))]); break;
      case 3: text[p] = static_cast<char>(random() & 0xff); break;
      case 4: text.insert(p, text.substr(below(text.size()), below(40))); break;
      case 5: text.resize(p + 1); break;
      }
    }
    auto file = here.put(is_json ? "s.json" : "s.toml", text);
    auto specs = read_service_specs(file);
    if (specs) continue;
    ++refused;
    CAPTURE(text, specs.error().what);
    REQUIRE(specs.error().code == errc::invalid_config);
    REQUIRE(specs.error().what.starts_with(file + ':'));
  }
  CHECK(refused > 500); // or else it damages nothing
}
