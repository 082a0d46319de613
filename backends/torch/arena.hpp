#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace vef {

/// LibTorch asks the system anew for the memory of every layer, in pieces so large that they are given back
/// each time: half of a pass can be the kernel handing out zeroed pages. An arena keeps the pieces of a pass
/// for the next one.
///
/// It holds what the last passes needed at once, up to three times over, and gives all back where it holds
/// more: after a large batch small ones free its memory. The destructor frees everything but what is still in
/// use, and that when it falls free.
///
/// Threads: one pass at a time; what it allocated may be freed by any thread.
class arena {
public:
  arena();
  ~arena();
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  /// While it lives, tensors that this thread makes in host memory come from the arena.
  class pass {
  public:
    explicit pass(arena& x);
    ~pass();
    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;

  private:
    arena& arena_;
  };

  /// Bytes held, used or not.
  std::uint64_t bytes() const;

  struct state;

private:
  std::shared_ptr<state> state_;
};

/// Makes LibTorch allocate through the arenas. Once per process, before the first of them is used.
void install_arenas();

/// The arenas of a model: one for each pass that was under way at once.
class arena_set {
public:
  std::unique_ptr<arena> take();
  void give_back(std::unique_ptr<arena> x);
  std::uint64_t bytes() const; ///< of those that no pass uses now

private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<arena>> idle_;
};

} // namespace vef
