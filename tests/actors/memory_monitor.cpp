#include "support/actor_fixture.hpp"

#include "support/scratch.hpp"

#include <vef/actors/memory_monitor.hpp>

#include <fstream>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A kernel whose files a test writes.
struct watched : actor_fixture {
  scratch files;

  watched() { available(90); }

  /// Of 100 MiB.
  void available(int mebibytes) {
    std::ofstream{files / "meminfo"} << "MemTotal: 102400 kB\nMemAvailable: " << mebibytes * 1024 << " kB\n";
  }

  monitor_actor watch(std::shared_ptr<device_sources> devices = {}) {
    monitor_options how{.interval = 1s, .trigger = false, .files = {files.folder(), files / "no-cgroups"}};
    return ending(spawn_memory_monitor(system(), {how, governor, work.background, devices}));
  }
};

} // namespace

TEST_CASE_METHOD(watched, "the governor hears at once and then every interval what the kernel says") {
  watch();
  settle();
  CHECK(host().reading.total == 100_MiB);
  CHECK(host().reading.available == 90_MiB);
  available(50);
  pass(1s + 10ms);
  CHECK(host().reading.available == 50_MiB);
}

TEST_CASE_METHOD(watched, "a stall is looked into at once") {
  auto monitor = watch();
  settle();
  available(1);
  caf::anon_send(monitor, pressure_atom_v);
  settle();
  CHECK(host().pressure == pressure::critical);
}

TEST_CASE_METHOD(watched, "memory of this node's other processes is its own") {
  auto sources = std::make_shared<device_sources>();
  watch(sources);
  settle();
  auto before = host().reading.ours;
  sources->count_as_ours([] { return 7_MiB; });
  pass(1s + 10ms);
  CHECK(host().reading.ours == before + 7_MiB);
}

TEST_CASE_METHOD(watched, "a kernel that says nothing is no pressure") {
  std::filesystem::remove(files / "meminfo");
  watch();
  pass(3s, 100ms);
  CHECK(host().pressure == pressure::none);
  CHECK(host().reading.total == 0);
}

TEST_CASE_METHOD(watched, "drivers are asked too, and one that throws costs the others nothing") {
  struct broken_driver final : backend {
    std::vector<model_info> catalog() const override { return {}; }
    result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
      return fail(errc::internal, "unused");
    }
    std::vector<device_reading> devices() override { throw std::runtime_error("the driver is gone"); }
  };
  control->devices = {{"gpu:0", 1000, 600, 100, 0}};
  auto bad = std::make_shared<broken_driver>();
  auto good = std::make_shared<fake_backend>(control);
  auto devices = std::make_shared<device_sources>();
  devices->add(bad);
  devices->add(good);
  watch(devices);
  settle();
  CHECK(device("gpu:0").reading.available == 600);
  CHECK(device("gpu:0").capacity == 900);
  good.reset(); // a service that is gone is not asked any more
  CHECK(devices->read().empty());
}

TEST_CASE_METHOD(watched, "a look that hangs is not followed by another") {
  watch();
  act();
  REQUIRE(loaders().waiting() == 1);
  for (int i = 0; i < 5; ++i) pass_without_workers(1s);
  CHECK(loaders().waiting() == 1);
}
