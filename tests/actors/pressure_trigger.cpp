#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <vef/actors/pressure_trigger.hpp>

#include <atomic>
#include <future>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace vef;
using namespace std::chrono_literals;

namespace {

/// Files that take a trigger and never fire.
struct silent_kernel {
  silent_kernel() {
    at.put("proc/self/cgroup", "0::/vef.service\n");
    at.put(group, "some avg10=0.00");
    at.put(machine, "some avg10=0.00");
  }

  test::scratch at;
  std::string group = "cgroup/vef.service/memory.pressure";
  std::string machine = "proc/pressure/memory";

  kernel_files files() const { return {at / "proc", at / "cgroup"}; }
  static constexpr std::string_view trigger{"some 100000 2000000\0", 20};
};

bool has_thread(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"})
    if (test::content_of(task.path() / "comm") == name + '\n') return true;
  return false;
}

/// Has this process wait for memory: pages in use are taken away, and come back from disk.
class stalling_pages {
public:
  stalling_pages() {
    at_.put("pages", std::string(size, 'x'));
    auto file = ::open((at_ / "pages").c_str(), O_RDWR | O_CLOEXEC);
    ::fsync(file);
    pages_ = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    REQUIRE(pages_ != MAP_FAILED);
  }
  ~stalling_pages() { ::munmap(pages_, size); }
  stalling_pages(const stalling_pages&) = delete;
  stalling_pages& operator=(const stalling_pages&) = delete;

  void stall() const {
    auto bytes = static_cast<const volatile char*>(pages_);
    unsigned sum = 0;
    for (int time = 0; time < 3; ++time) // what was read once is not in use yet
      for (std::size_t i = 0; i < size; i += 4096) sum += static_cast<unsigned>(bytes[i]);
    CHECK(sum > 0);
    ::madvise(pages_, size, MADV_PAGEOUT);
  }

private:
  static constexpr std::size_t size = 32u << 20;
  test::scratch at_;
  void* pages_ = nullptr;
};

} // namespace

TEST_CASE_METHOD(silent_kernel, "the own control group is watched where it can be") {
  {
    auto opened = pressure_trigger::open([] { FAIL("nothing stalled"); }, files());
    REQUIRE(opened);
    CHECK(test::content_of(at / group) == trigger);
    CHECK(test::content_of(at / machine) == "some avg10=0.00");
    CHECK(has_thread("vef-pressure"));
  }
  CHECK_FALSE(has_thread("vef-pressure"));
}

TEST_CASE_METHOD(silent_kernel, "the machine is watched where the control group can't be") {
  std::filesystem::remove(at / group);
  if (GENERATE(false, true)) std::filesystem::create_directories(at / group); // which can't be written
  REQUIRE(pressure_trigger::open([] {}, files()));
  CHECK(test::content_of(at / machine) == trigger);
}

TEST_CASE_METHOD(silent_kernel, "a kernel without triggers is an error that says why") {
  std::filesystem::remove(at / group);
  std::filesystem::remove(at / machine);
  auto refused = pressure_trigger::open([] {}, files());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unavailable);
  CHECK(refused.error().what
        == "cannot watch for stalls: '" + at / group + "': No such file or directory; '" + at / machine
               + "': No such file or directory");
  CHECK_FALSE(has_thread("vef-pressure"));
}

TEST_CASE_METHOD(silent_kernel, "a trigger ends promptly while nothing happens") {
  auto opened = pressure_trigger::open([] {}, files());
  REQUIRE(opened);
  auto ended = std::async(std::launch::async, [&] { opened->reset(); });
  CHECK(ended.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("the kernel tells of tasks that wait for memory") {
  std::promise<void> told;
  std::atomic<bool> once = false;
  auto on_stall = [&] {
    if (!once.exchange(true)) told.set_value();
  };
  auto opened = pressure_trigger::open(on_stall, {}, 1ms);
  if (!opened) {
    CHECK(opened.error().code == errc::unavailable);
    test::report_skipped(opened.error().what);
    return;
  }
  stalling_pages pages;
  auto heard = told.get_future();
  auto end = std::chrono::steady_clock::now() + 10s;
  while (heard.wait_for(0s) != std::future_status::ready && std::chrono::steady_clock::now() < end)
    pages.stall();
  opened->reset();
  // Where temporary files are kept in memory, or other memory is never short, no page comes back from a disk.
  if (!once) test::report_skipped("the kernel lets no task of this test wait for memory");
}
