#include <vef/backends/torch/arena.hpp>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

namespace vef {

namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t smallest = 16 << 10; ///< below, the heap reuses its memory well enough
constexpr std::size_t remembered = 16;     ///< passes

// Stands in front of every piece that we hand out. LibTorch frees by the address alone, so the rest must be
// found from it; a piece from before our time lacks the mark.
struct alignas(alignment) header {
  const void* mark = nullptr; ///< its own address, turned
  std::size_t size = 0;
  std::shared_ptr<arena::state> owner;
};
static_assert(sizeof(header) == alignment);

const void* mark_of(const header* x) {
  return reinterpret_cast<const void*>(~reinterpret_cast<std::uintptr_t>(x));
}

header* header_of(void* memory) { return static_cast<header*>(memory) - 1; }

header* make_piece(std::size_t size) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, sizeof(header) + size) != 0) return nullptr;
  auto x = new (memory) header{};
  x->mark = mark_of(x);
  x->size = size;
  return x;
}

void free_piece(header* x) {
  x->~header();
  std::free(x);
}

thread_local std::shared_ptr<arena::state> current;

} // namespace

struct arena::state {
  mutable std::mutex mutex;
  std::vector<header*> idle; ///< by size
  std::size_t pieces = 0;    ///< idle or used
  std::uint64_t held = 0;    ///< bytes of them all
  std::uint64_t used = 0;
  std::uint64_t peak = 0; ///< of `used` in this pass
  std::array<std::uint64_t, remembered> peaks{};
  std::size_t passes = 0;
  bool closed = false;

  // The smallest piece that is large enough.
  header* take(std::size_t size) {
    std::scoped_lock lock{mutex};
    auto found = std::ranges::lower_bound(idle, size, {}, &header::size);
    header* x = found == idle.end() ? nullptr : *found;
    if (x) {
      idle.erase(found);
    } else {
      idle.reserve(pieces + 1); // so that giving back cannot fail
      x = make_piece(size);
      if (!x) { // what lies idle may be room enough
        drop_idle();
        x = make_piece(size);
      }
      if (!x) return nullptr;
      ++pieces;
      held += size;
    }
    used += x->size;
    peak = std::max(peak, used);
    return x;
  }

  void give_back(header* x) {
    std::scoped_lock lock{mutex};
    used -= x->size;
    idle.insert(std::ranges::lower_bound(idle, x->size, {}, &header::size), x);
    if (closed) drop_idle();
  }

  void end_pass() {
    std::scoped_lock lock{mutex};
    peaks[passes++ % remembered] = peak;
    peak = used;
    if (held > 3 * *std::ranges::max_element(peaks)) drop_idle();
  }

  void drop_idle() {
    for (auto x : idle) {
      held -= x->size;
      --pieces;
      free_piece(x);
    }
    idle.clear();
  }
};

namespace {

void release(void* memory) {
  if (!memory) return;
  auto x = header_of(memory);
  if (x->mark != mark_of(x)) {
    c10::free_cpu(memory); // of the allocator before us
  } else if (auto owner = std::move(x->owner)) {
    owner->give_back(x);
  } else {
    x->mark = nullptr;
    free_piece(x);
  }
}

class arena_allocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0) return {nullptr, nullptr, &release, c10::kCPU};
    auto shared = size >= smallest && current;
    auto x = shared ? current->take(size) : make_piece(size);
    TORCH_CHECK_WITH(OutOfMemoryError, x, "not enough memory: a tensor needs ", size, " bytes");
    if (shared) x->owner = current;
    return {x + 1, x + 1, &release, c10::kCPU};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, std::size_t size) const override {
    default_copy_data(to, from, size);
  }
};

} // namespace

arena::arena()
    : state_(std::make_shared<state>()) {}

arena::~arena() {
  std::scoped_lock lock{state_->mutex};
  state_->closed = true;
  state_->drop_idle();
}

std::uint64_t arena::bytes() const {
  std::scoped_lock lock{state_->mutex};
  return state_->held;
}

arena::pass::pass(arena& x)
    : arena_(x) {
  current = x.state_;
}

arena::pass::~pass() {
  current.reset();
  arena_.state_->end_pass();
}

void install_arenas() {
  static const auto installed = [] {
    static arena_allocator allocator;
    c10::SetCPUAllocator(&allocator, 1);
    return true;
  }();
  static_cast<void>(installed);
}

std::unique_ptr<arena> arena_set::take() {
  std::scoped_lock lock{mutex_};
  if (idle_.empty()) return std::make_unique<arena>();
  auto x = std::move(idle_.back());
  idle_.pop_back();
  return x;
}

void arena_set::give_back(std::unique_ptr<arena> x) {
  std::scoped_lock lock{mutex_};
  idle_.push_back(std::move(x));
}

std::uint64_t arena_set::bytes() const {
  std::scoped_lock lock{mutex_};
  std::uint64_t sum = 0;
  for (const auto& x : idle_) sum += x->bytes();
  return sum;
}

} // namespace vef
