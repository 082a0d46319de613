// Services from a file: started, shown, watched, stopped.
#include "cli_support.hpp"

#include <csignal>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace vef::test;

namespace {

constexpr auto two_services = R"([[service]]
name = "plain"
backend = "descriptors"

[[service]]
name = "apart"
backend = "descriptors"
isolation = "process"
dependencies = ["plain"]
)";

nlohmann::json service_in(const nlohmann::json& status, const std::string& name) {
  for (const auto& x : status["services"])
    if (x["name"] == name) return x;
  return {};
}

/// Whether a process that is no child of ours is gone before a deadline.
bool ends(int pid) {
  auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return true;
  pollfd wanted{handle, POLLIN, 0};
  auto done = ::poll(&wanted, 1, 20000) == 1;
  ::close(handle);
  return done;
}

} // namespace

TEST_CASE("status starts the services of a file and shows how they are") {
  scratch at;
  auto file = at.put("node.toml", two_services);
  auto x = nlohmann::json::parse(vef::test::vef(at, {"status", "--json", "--services", file}).out);
  CHECK(x["health"]["state"] == "healthy");
  REQUIRE(x["services"].size() == 2);
  CHECK(service_in(x, "plain")["health"]["state"] == "healthy");
  CHECK(service_in(x, "plain")["needed_by"][0] == "apart");
  CHECK(service_in(x, "apart")["pid"] > 0);
  CHECK(service_in(x, "apart")["spec"]["isolation"] == "process");
  CHECK(x["workers"][0]["stuck"] == 0);
  auto text = vef::test::vef(at, {"status"}, {.environment = {"VEF_SERVICES=" + file}});
  CHECK(text.code == 0);
  CHECK(text.out.find("apart") != std::string::npos);
  CHECK(text.out.find("; healthy") != std::string::npos);
}

TEST_CASE("pictures are embedded in the process of a service") {
  scratch at;
  auto file = at.put("node.toml", two_services);
  auto photo = std::string{VEF_SOURCE_DIR "/examples/photo.jpg"};
  auto plain = vef::test::vef(at, {"embed", photo, "-o", "-"});
  at.put("apart.toml", "[[service]]\nname = 'apart'\nbackend = 'descriptors'\nisolation = 'process'\n");
  auto apart = vef::test::vef(at, {"embed", photo, "-o", "-", "--services", at / "apart.toml"});
  INFO(apart.err);
  CHECK(apart.code == 0);
  CHECK(json_lines(apart.out).at(0)["vector"] == json_lines(plain.out).at(0)["vector"]);
}

TEST_CASE("a mistake in a file of services is told with its place") {
  scratch at;
  auto file = at.put("node.toml", "[[service]]\nname = 'a'\nbackend = 'descriptors'\nstartup_prority = 1\n");
  auto run = vef::test::vef(at, {"status", "--services", file});
  CHECK(run.code == 2);
  CHECK(run.err.find("node.toml:4:1") != std::string::npos);
  CHECK(run.err.find("did you mean 'service[0].startup_priority'?") != std::string::npos);
  CHECK(vef::test::vef(at, {"status", "--services", at / "none.toml"}).code == 2);
  CHECK(vef::test::vef(at, {"embed", "x.jpg", "--services", file, "--models", at.folder().string()}).code
        == 2);
}

TEST_CASE("a service that can not start is shown with its reason, and the others serve") {
  scratch at;
  auto file = at.put("node.toml", std::string{two_services} + R"(
[[service]]
name = "accelerated"
backend = "descriptors"
required_capabilities = ["library:libsurely-not-here.so"]
)");
  auto run = vef::test::vef(at, {"status", "--json", "--services", file});
  auto x = nlohmann::json::parse(run.out);
  CHECK(x["health"]["state"] == "degraded");
  auto service = service_in(x, "accelerated");
  CHECK(service["state"] == "failed");
  CHECK(service["reason"]["what"].get<std::string>().find("libsurely-not-here.so") != std::string::npos);
  CHECK(run.err.find("libsurely-not-here.so") != std::string::npos);
  CHECK(run.code == 0);
}

TEST_CASE("a status that is watched ends cleanly on a signal, and its processes with it") {
  scratch at;
  auto file = at.put("node.toml", two_services);
  auto number = GENERATE(SIGINT, SIGTERM);
  process run{at, {"status", "--watch", "--json", "--interval", "0.1", "--services", file}};
  REQUIRE(run.wait_until(at / ".io", [&] { return count_of(run.out(), "\n") >= 2; }));
  auto first = json_lines(run.out().substr(0, run.out().find('\n'))).at(0);
  auto pid = service_in(first, "apart")["pid"].get<int>();
  CHECK(::kill(pid, 0) == 0);
  run.signal(number);
  CHECK(run.wait() == 0);
  CHECK(::kill(pid, 0) == -1);
}

TEST_CASE("a program that is killed leaves no process behind") {
  scratch at;
  auto file = at.put("node.toml", two_services);
  process run{at, {"status", "--watch", "--json", "--interval", "0.1", "--services", file}};
  REQUIRE(run.wait_until(at / ".io", [&] { return count_of(run.out(), "\n") >= 1; }));
  auto first = json_lines(run.out().substr(0, run.out().find('\n'))).at(0);
  auto pid = service_in(first, "apart")["pid"].get<int>();
  run.signal(SIGKILL);
  CHECK(run.wait() == -SIGKILL);
  CHECK(ends(pid));
}
