#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/actors/memory_probe.hpp>
#include <vef/messages/bytes.hpp>

#include <unistd.h>

using namespace vef;

namespace {

constexpr auto meminfo_64g = "MemTotal:       65843512 kB\n"
                             "MemFree:         2517040 kB\n"
                             "MemAvailable:   41943040 kB\n"
                             "Buffers:          913204 kB\n"
                             "Cached:         37215400 kB\n"
                             "SwapCached:        10240 kB\n"
                             "HugePages_Total:       0\n"
                             "Hugepagesize:       2048 kB\n";

/// The kernel's files as captured elsewhere, in a folder of the test's own.
struct captured {
  captured() {
    at.put("proc/meminfo", meminfo_64g);
    at.put("proc/self/statm", "91022 25600 5400 312 0 40211 0\n");
    at.put("proc/pressure/memory", "some avg10=1.50 avg60=0.40 avg300=0.10 total=8123411\n"
                                   "full avg10=1.10 avg60=0.30 avg300=0.08 total=6650012\n");
  }

  test::scratch at;

  kernel_files files() const { return {at / "proc", at / "cgroup"}; }
  memory_probe probe() const { return memory_probe{files()}; }
  device_reading read() const {
    auto x = probe().read();
    REQUIRE(x);
    return *x;
  }

  void in_group(const std::string& path) const { at.put("proc/self/cgroup", "0::" + path + '\n'); }

  void group(const std::string& path, const std::string& max, const std::string& high, std::uint64_t current,
             std::uint64_t inactive_file = 0, std::uint64_t slab = 0) const {
    auto in = "cgroup" + path + '/';
    at.put(in + "memory.max", max + '\n');
    at.put(in + "memory.high", high + '\n');
    at.put(in + "memory.current", std::to_string(current) + '\n');
    at.put(in + "memory.stat", "anon 812310528\nfile 3355443200\nkernel_stack 2211840\ninactive_anon 0\n"
                               "active_anon 811212800\ninactive_file "
                                   + std::to_string(inactive_file)
                                   + "\nactive_file 1048576\nslab_reclaimable " + std::to_string(slab)
                                   + "\nslab_unreclaimable 4096\n");
  }
};

constexpr auto total_64g = 65843512_KiB;

std::string digits(std::uint64_t x) { return std::to_string(x); }

} // namespace

TEST_CASE_METHOD(captured, "on a bare machine all of its memory counts") {
  at.put("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-4.scope\n");
  at.put(
      "cgroup/user.slice/user-1000.slice/session-4.scope/memory.pressure",
      "some avg10=37.25 avg60=20.00 avg300=5.00 total=99\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  group("/user.slice/user-1000.slice/session-4.scope", "max", "max", 3_GiB);
  group("/user.slice/user-1000.slice", "max", "max", 9_GiB);
  group("/user.slice", "max", "max", 9_GiB);
  auto x = read();
  CHECK(x.device == "host");
  CHECK(x.total == total_64g);
  CHECK(x.available == 40_GiB);
  CHECK(x.ours == 25600 * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  CHECK(x.stalled == Approx(0.3725));
}

TEST_CASE_METHOD(captured, "in a container with a namespace of its own the root of the mount is its group") {
  in_group("/");
  group("", digits(8_GiB), "max", 3_GiB);
  at.put("cgroup/memory.events", "low 0\nhigh 12\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n");
  auto x = read();
  CHECK(x.total == 8_GiB);
  CHECK(x.available == 5_GiB);
  CHECK(x.stalled == Approx(0.015)); // the group has no memory.pressure, the machine has
  auto events = probe().read_events();
  CHECK(events.high == 12);
  CHECK(events.max == 3);
  CHECK(events.oom_kill == 1);
}

TEST_CASE_METHOD(captured, "in a container that is told the host's path the root of the mount is its group") {
  in_group(GENERATE(as<std::string>{}, "/system.slice/docker-5b0c9d.scope", "/../../other.slice"));
  group("", digits(2_GiB), "max", 1_GiB);
  at.put("cgroup/system.slice/memory.max", "4096\n"); // another group, which only shares a part of the name
  CHECK(own_group(files()).empty());
  CHECK(read().total == 2_GiB);
  CHECK(read().available == 1_GiB);
}

TEST_CASE_METHOD(captured, "the memory that a group would give back counts as available") {
  in_group("/vef.service");
  group("/vef.service", digits(4_GiB), "max", 3_GiB, 1_GiB, 256_MiB);
  CHECK(read().available == 2_GiB + 256_MiB);
  group("/vef.service", digits(4_GiB), "max", 1_GiB, 9_GiB);
  CHECK(read().available == 4_GiB);
}

TEST_CASE_METHOD(captured, "a parent that has less left than the own group counts instead of it") {
  in_group("/kubepods.slice/pod7.slice/vef.scope");
  group("/kubepods.slice/pod7.slice/vef.scope", digits(8_GiB), "max", 2_GiB);
  group("/kubepods.slice/pod7.slice", digits(6_GiB), "max", 5_GiB);
  group("/kubepods.slice", digits(48_GiB), "max", 20_GiB);
  CHECK(read().total == 6_GiB);
  CHECK(read().available == 1_GiB);

  group("/kubepods.slice/pod7.slice", digits(16_GiB), "max", 5_GiB);
  CHECK(read().total == 8_GiB);
  CHECK(read().available == 6_GiB);
}

TEST_CASE_METHOD(captured, "the lower of memory.high and memory.max is the limit") {
  in_group("/vef.service");
  group("/vef.service", digits(8_GiB), digits(6_GiB), 5_GiB);
  CHECK(read().total == 6_GiB);
  CHECK(read().available == 1_GiB);
  group("/vef.service", digits(8_GiB), digits(6_GiB), 7_GiB);
  CHECK(read().available == 0);
  group("/vef.service", "max", digits(6_GiB), 5_GiB);
  CHECK(read().total == 6_GiB);
}

TEST_CASE_METHOD(captured, "a group never has more left than the machine") {
  in_group("/vef.service");
  group("/vef.service", digits(50_GiB), "max", 1_GiB);
  CHECK(read().total == 50_GiB);
  CHECK(read().available == 40_GiB);
  group("/vef.service", digits(100_GiB), "max", 1_GiB);
  CHECK(read().total == total_64g);
}

TEST_CASE_METHOD(captured, "a limit of nothing leaves nothing, and is not taken for an unknown memory") {
  in_group("/vef.service");
  group("/vef.service", "max", "0", 1_GiB);
  CHECK(read().total > 0);
  CHECK(read().used() == 1);
}

TEST_CASE_METHOD(captured, "hierarchies of version 1 are left out of account") {
  at.put("cgroup/memory/docker/5b0c9d/memory.limit_in_bytes", "1073741824\n");
  at.put("cgroup/docker/5b0c9d/memory.max", "1073741824\n");
  std::string lines =
      "11:memory:/docker/5b0c9d\n4:cpu,cpuacct:/docker/5b0c9d\n1:name=systemd:/docker/5b0c9d\n";
  at.put("proc/self/cgroup", lines);
  CHECK(read().total == total_64g);
  at.put("proc/self/cgroup", lines + "0::/\n");
  CHECK(read().total == total_64g);
  CHECK(probe().read_events().oom_kill == 0);
}

TEST_CASE_METHOD(captured, "numbers that are none are left out of account") {
  in_group("/vef.service");
  auto broken = GENERATE(as<std::string>{}, "", "\n", "-1", "12kB", "0x1000", "99999999999999999999", "1e9",
                         "maximum", "\xff 7");
  INFO("'" << broken << "'");

  group("/vef.service", broken, broken, 3_GiB);
  at.put("cgroup/vef.service/memory.pressure", "some avg10=" + broken + " avg60=0.00\n");
  at.put("cgroup/vef.service/memory.events", "high " + broken + "\noom_kill 2\n");
  CHECK(read().total == total_64g);
  CHECK(read().available == 40_GiB);
  CHECK(read().stalled >= 0);
  CHECK(read().stalled <= 1);
  CHECK(probe().read_events().high == 0);
  CHECK(probe().read_events().oom_kill == 2);

  group("/vef.service", digits(4_GiB), "max", 3_GiB);
  at.put("cgroup/vef.service/memory.stat", "inactive_file " + broken + "\nslab_reclaimable\n");
  CHECK(read().available == 1_GiB);

  // Without what the group holds, what is known to be ours is held.
  at.put("cgroup/vef.service/memory.current", broken);
  CHECK(read().available == 4_GiB - read().ours);

  at.put("proc/self/statm", "7 " + broken);
  CHECK(read().ours == 0);
  at.put("proc/meminfo", "MemTotal: " + broken + " kB\nMemAvailable: 5 kB\n");
  CHECK(read().total == 4_GiB);
}

TEST_CASE_METHOD(captured, "a share of time that is none is left out of account") {
  in_group("/");
  auto broken =
      GENERATE(as<std::string>{}, "some avg10=nan", "some avg10=inf", "some avg10=-1.00", "some avg10=100.01",
               "some avg10=1,50", "some", "full avg10=3.00", "some avg60=3.00");
  at.put("cgroup/memory.pressure", broken + " avg60=0.00 avg300=0.00 total=0\n");
  CHECK(read().stalled == Approx(0.015));
}

TEST_CASE_METHOD(captured, "without pressure stall information nothing is said to stall") {
  std::filesystem::remove_all(at / "proc/pressure");
  in_group("/");
  CHECK(read().stalled == 0);
}

TEST_CASE_METHOD(captured, "a group is enough where the machine says nothing") {
  std::filesystem::remove(at / "proc/meminfo");
  in_group("/");
  group("", digits(8_GiB), "max", 3_GiB);
  CHECK(read().total == 8_GiB);
  CHECK(read().available == 5_GiB);
}

TEST_CASE("where nothing says how much memory there is the error says where it was looked for") {
  test::scratch at;
  auto x = memory_probe{{at / "proc", at / "cgroup"}}.read();
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::unavailable);
  CHECK(x.error().what
        == "neither '" + at / "proc/meminfo" + "' nor a control group says how much memory there is");
}

TEST_CASE_METHOD(captured, "a folder in a file's place is no file") {
  for (auto name : {"proc/meminfo", "proc/self/statm", "proc/pressure/memory"}) {
    std::filesystem::remove(at / name);
    std::filesystem::create_directories(at / name);
  }
  std::filesystem::create_directories(at / "proc/self/cgroup");
  std::filesystem::create_directories(at / "cgroup/memory.max");
  CHECK(probe().read().error().code == errc::unavailable);
}

TEST_CASE("this machine's own memory makes sense") {
  auto x = memory_probe{}.read();
  REQUIRE(x);
  CHECK(x->total >= 64_MiB);
  CHECK(x->available <= x->total);
  CHECK(x->ours > 0);
  CHECK(x->stalled >= 0);
  CHECK(x->stalled <= 1);
}
