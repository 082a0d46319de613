// Services in processes of their own: whatever becomes of the process, the rest goes on and the service comes
// back.
#include "network/faulty_backend.hpp"
#include "support/catch.hpp"

#include <vef/supervisor/runtime.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

service_spec isolated(std::string name = "child") {
  service_spec x{.name = std::move(name), .backend = "faulty"};
  x.isolation = isolation::process;
  x.restart.first_pause = 20ms;
  x.restart.longest_pause = 50ms;
  x.restart.most = 100;
  x.health_check_interval = 200ms;
  x.health = {.deadline = 3000ms, .misses = 2, .stuck_after = 1500ms};
  return x;
}

runtime_options with_processes(std::vector<service_spec> services) {
  runtime_options x;
  x.backends = faulty_types();
  x.services = std::move(services);
  x.processes = process_options{.program = VEF_ISOLATION_CHILD};
  x.monitor.interval = 0ms;
  x.memory_budget = 1_MiB;
  x.shutdown_limit = 5s;
  return x;
}

service_spec at_home(std::string name = "home") {
  service_spec x{.name = std::move(name), .backend = "faulty"};
  return x;
}

/// Waits for something that will come, but not for ever.
template <class F> bool comes(F&& check, std::chrono::milliseconds limit = 20s) {
  for (auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
    if (check()) return true;
    std::this_thread::yield();
  }
  return false;
}

service_status status_of(runtime& x, const std::string& name) {
  auto status = x.status();
  REQUIRE(status);
  for (auto& s : status->services)
    if (s.name == name) return s;
  return {};
}

bool runs(runtime& x, const std::string& name, std::int32_t other_than = 0) {
  auto s = status_of(x, name);
  return s.state == service_state::running && s.pid != other_than;
}

embeddings embed(runtime& x, trouble what, const std::string& service = "child") {
  embed_request request{.service = service, .images = {that(what)}};
  request.time_allowed = 20s;
  return x.embed(std::move(request));
}

/// Whether a process has ended, before a deadline.
bool ends(int pidfd) {
  pollfd wanted{pidfd, POLLIN, 0};
  return ::poll(&wanted, 1, 20000) == 1;
}

int watch(std::int32_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

} // namespace

TEST_CASE("a service in a process of its own embeds as any other, and its memory is in the ledger") {
  runtime x{with_processes({isolated()})};
  REQUIRE(x.wait_for_services());
  auto there = status_of(x, "child");
  CHECK(there.pid > 0);
  CHECK(there.pid != ::getpid());
  CHECK(there.catalog.size() == 2);
  auto rows = embed(x, trouble::none);
  REQUIRE(rows.all_ok());
  CHECK(rows[0].vector()[1] == 7);
  auto memory = x.memory();
  REQUIRE(memory);
  REQUIRE(memory->devices.at(0).holdings.size() == 1);
  CHECK(memory->devices[0].holdings[0].who.service == "child");
  CHECK(memory->devices[0].holdings[0].resident == 1000);
  auto reports = x.unload_all();
  REQUIRE(reports);
  CHECK(reports->size() == 1);
  CHECK(x.memory()->devices[0].resident == 0);
  CHECK(x.pin("child", "a"));
  CHECK(x.plan("child", "b"));
}

TEST_CASE(
    "a crash in native code costs what was under way in that process, and the service is back by itself") {
  auto what = GENERATE(trouble::segfault, trouble::abort, trouble::exit);
  runtime x{with_processes({isolated(), at_home()})};
  REQUIRE(x.wait_for_services());
  auto before = status_of(x, "child").pid;
  auto lost = embed(x, what);
  REQUIRE_FALSE(lost.all_ok());
  CHECK(lost[0].error().code == errc::unavailable);
  CHECK(lost[0].error().what.find("the process of service 'child'") == 0);
  CHECK(embed(x, trouble::none, "home").all_ok());
  CHECK(comes([&] { return runs(x, "child", before); }));
  CHECK(embed(x, trouble::none).all_ok());
  CHECK(x.memory()->devices[0].resident == 2000); // what died is in no ledger
  CHECK(status_of(x, "child").restarts == 1);
}

TEST_CASE("a process that is killed is replaced, and a request that allows it is done once more") {
  runtime x{with_processes({isolated()})};
  REQUIRE(x.wait_for_services());
  REQUIRE(embed(x, trouble::none).all_ok());
  auto before = status_of(x, "child").pid;
  embed_request request{.service = "child", .images = {that(trouble::hang)}};
  request.time_allowed = 15s;
  auto lost = x.embed_async(request);
  request.images = {that(trouble::none)};
  request.replay = replay::when_back;
  auto repeated = x.embed_async(request);
  REQUIRE(comes([&] { return status_of(x, "child").models.at(0).queued > 0; }));
  ::kill(before, SIGKILL);
  auto first = lost.get();
  CHECK(first[0].error().code == errc::unavailable);
  CHECK(first[0].error().what.find("signal 9") != std::string::npos);
  auto second = repeated.get();
  INFO(second[0].error().what);
  CHECK(second.all_ok());
  CHECK(runs(x, "child", before));
}

TEST_CASE("a process that is stopped misses its checks and is replaced") {
  runtime x{with_processes({isolated()})};
  REQUIRE(x.wait_for_services());
  auto before = status_of(x, "child").pid;
  auto gone = watch(before);
  ::kill(before, SIGSTOP);
  CHECK(comes([&] { return runs(x, "child", before); }));
  CHECK(ends(gone)); // with its memory
  ::close(gone);
  CHECK(embed(x, trouble::none).all_ok());
}

TEST_CASE("a lane that is stuck in a process is given up there") {
  runtime x{with_processes({isolated()})};
  REQUIRE(x.wait_for_services());
  auto before = status_of(x, "child").pid;
  auto stuck = embed(x, trouble::hang);
  REQUIRE_FALSE(stuck.all_ok());
  CHECK(stuck[0].error().code == errc::unavailable);
  CHECK(stuck[0].error().what.find("stuck") != std::string::npos);
  CHECK(embed(x, trouble::none).all_ok());
  CHECK(status_of(x, "child").pid == before);
}

TEST_CASE(
    "what a backend leaks in its process counts as this node's memory, and is back when it is stopped") {
  auto options = with_processes({isolated()});
  options.monitor.interval = 50ms;
  runtime x{options};
  REQUIRE(x.wait_for_services());
  auto ours = [&] { return x.memory()->devices.at(0).reading.ours; };
  REQUIRE(comes([&] { return ours() > 0; }));
  REQUIRE(embed(x, trouble::none).all_ok());
  auto before = ours();
  for (int i = 0; i < 100; ++i) REQUIRE(embed(x, trouble::leak).all_ok());
  CHECK(comes([&] { return ours() > before + 90_MiB; }));
  REQUIRE(x.stop("child"));
  CHECK(comes([&] { return ours() < before; }));
}

TEST_CASE("a backend that can not be made in its process says why") {
  runtime x{with_processes({})};
  auto spec = isolated();
  spec.settings = {{"refuse", "no licence was found"}};
  auto made = x.create(spec);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::load_failed);
  CHECK(made.error().what.find("no licence was found") != std::string::npos);
  CHECK(status_of(x, "child").state == service_state::failed);
}

TEST_CASE("a process that dies while it starts is tried again, and then given up with its reason") {
  runtime x{with_processes({})};
  auto spec = isolated();
  spec.settings = {{"die", "now"}};
  spec.restart.most = 2;
  auto made = x.create(spec);
  REQUIRE_FALSE(made);
  CHECK(made.error().what.find("signal 9") != std::string::npos);
  CHECK(status_of(x, "child").restarts == 2);
}

TEST_CASE("a program that is not there is an error that names it") {
  auto options = with_processes({});
  options.processes->program = "/nowhere/at-all";
  runtime x{options};
  auto spec = isolated();
  spec.restart.most = 0;
  auto made = x.create(spec);
  REQUIRE_FALSE(made);
  CHECK(made.error().what.find("/nowhere/at-all") != std::string::npos);
}

TEST_CASE("stopping a service ends its process, and so does the end of the runtime") {
  int first = 0, second = 0;
  {
    runtime x{with_processes({isolated(), isolated("other")})};
    REQUIRE(x.wait_for_services());
    first = watch(status_of(x, "child").pid);
    second = watch(status_of(x, "other").pid);
    REQUIRE(x.stop("child"));
    CHECK(ends(first));
    auto rows = embed(x, trouble::none, "other");
    INFO(rows[0].error().what);
    CHECK(rows.all_ok());
    CHECK(x.start("child"));
  }
  CHECK(ends(second));
  ::close(first);
  ::close(second);
}

TEST_CASE("without a way to make processes a service that asks for one is refused with the remedy") {
  auto options = with_processes({});
  options.processes.reset();
  runtime x{options};
  auto made = x.create(isolated());
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::invalid_config);
  CHECK(made.error().what.find("runtime_options::processes") != std::string::npos);
}
