#include <vef/backends/torch/pieces.hpp>

#include <vef/backends/torch/arena.hpp>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace vef {

namespace {

constexpr std::size_t mapped = 64 << 10;
constexpr std::size_t huge_page = 2 << 20;
constexpr std::size_t arena_smallest = 16 << 10; ///< below, the heap reuses its memory well enough

thread_local std::shared_ptr<emulated_memory> charging;
thread_local int loads = 0; ///< scopes of `charged_to` that this thread is in

const void* mark_of(const piece* x) {
  return reinterpret_cast<const void*>(~reinterpret_cast<std::uintptr_t>(x));
}

piece* piece_of(void* memory) { return static_cast<piece*>(memory) - 1; }

void* map(std::size_t size) {
  auto memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  // The kernel joins neighbouring mappings. Where it hands out huge pages unasked, a small piece would then
  // be part of one, and the rest of that page outlive it.
  if (size < huge_page) madvise(memory, size, MADV_NOHUGEPAGE);
  return memory;
}

void release(void* memory) {
  if (!memory) return;
  auto x = piece_of(memory);
  if (x->mark != mark_of(x))
    c10::free_cpu(memory); // of the allocator before us
  else if (auto owner = std::move(x->owner))
    owner->give_back(x);
  else
    free_piece(x);
}

// For LibTorch, outside a pass.
piece* make_charged(std::size_t size) {
  if (charging && !charging->take(size)) return nullptr;
  auto x = make_piece(size);
  if (x && charging) {
    x->charged = charging;
    x->counted = size;
  } else if (charging) {
    charging->give_back(size);
  }
  return x;
}

class piece_allocator final : public c10::Allocator {
public:
  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0) return {nullptr, nullptr, &release, c10::kCPU};
    auto shared = size >= arena_smallest ? current_arena() : nullptr;
    // Whoever else uses LibTorch in this process gets its memory as before: a mapping for each tensor is slow
    // where no arena keeps it.
    if (!shared && loads == 0) return c10::GetDefaultCPUAllocator()->allocate(size);
    auto x = shared ? shared->take(size) : make_charged(size);
    TORCH_CHECK_WITH(OutOfMemoryError, x, "not enough memory: a tensor needs ", size, " bytes");
    if (shared) x->owner = std::move(shared);
    return {x + 1, x + 1, &release, c10::kCPU};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, std::size_t size) const override {
    default_copy_data(to, from, size);
  }
};

} // namespace

std::size_t piece_size(std::size_t room) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto size = sizeof(piece) + room;
  return size < mapped ? size : (size + page - 1) / page * page;
}

piece* make_piece(std::size_t room) {
  if (room > PTRDIFF_MAX - mapped) return nullptr;
  auto size = piece_size(room);
  void* memory =
      size < mapped ? std::aligned_alloc(alignof(piece), (size + 63) & ~std::size_t{63}) : map(size);
  if (!memory) return nullptr;
  auto x = new (memory) piece{};
  x->mark = mark_of(x);
  x->size = size;
  return x;
}

void free_piece(piece* x) {
  auto size = x->size;
  if (x->charged) x->charged->give_back(x->counted);
  x->mark = nullptr;
  x->~piece();
  if (size < mapped)
    std::free(x);
  else
    munmap(x, size);
}

void install_pieces() {
  static const auto installed = [] {
    static piece_allocator allocator;
    c10::SetCPUAllocator(&allocator, 1);
    return true;
  }();
  static_cast<void>(installed);
}

charged_to::charged_to(std::shared_ptr<emulated_memory> x)
    : before_(std::exchange(charging, std::move(x))) {
  ++loads;
}

charged_to::~charged_to() {
  --loads;
  charging = std::move(before_);
}

} // namespace vef
