#pragma once

#include <vef/backends/torch/pieces.hpp>

#include <array>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

namespace vef {

/// LibTorch asks the system anew for the memory of every layer, in pieces so large that they are given back
/// each time: half of a pass can be the kernel handing out zeroed pages. An arena keeps the pieces of a pass
/// for the next one; the arenas of a model, one for each pass that was under way at once, are its working
/// memory.
///
/// An arena holds what the last passes needed, up to twice over, and gives all back where it holds more:
/// after a large batch small ones free its memory. What all of them hold together stays below a limit, as far
/// as passes can do with it: one that needs a new piece above it gives idle ones back first, its own and then
/// those of arenas that no pass uses. The destructor frees everything but what is still in use, and that when
/// it falls free.
///
/// Threads: any; what a pass allocated may be freed by any thread.
class working_set {
public:
  /// Its pieces are charged to `device`, unless that is nullptr.
  explicit working_set(std::shared_ptr<emulated_memory> device = {});
  ~working_set();
  working_set(const working_set&) = delete;
  working_set& operator=(const working_set&) = delete;

  /// While it lives, tensors that this thread makes in host memory come from an arena of its own.
  class pass {
  public:
    explicit pass(working_set& x);
    ~pass();
    pass(const pass&) = delete;
    pass& operator=(const pass&) = delete;

    /// The most bytes that the pass would have held at once until now had it begun with nothing: what earlier
    /// passes left makes no difference.
    std::uint64_t bytes() const;

  private:
    std::shared_ptr<arena> arena_;
  };

  /// Bytes held, by passes under way and for the next ones.
  std::uint64_t bytes() const;

  /// Gives back at once what is idle and above the limit.
  void limit(std::uint64_t bytes);

  /// Gives back at once what is idle.
  void give_back_idle();

  struct state;

private:
  std::shared_ptr<state> state_;
};

/// Pieces that a pass can use again.
struct arena {
  explicit arena(working_set::state& x)
      : set(x) {}

  piece* take(std::size_t room); ///< nullptr where there is no memory
  void give_back(piece* x);

  // What follows is under the set's mutex.
  piece* take_idle(std::size_t room);
  void count_anew(piece* x, std::size_t size);
  void free_idle(std::vector<piece*>::iterator x);
  void begin();
  void end();

  static constexpr std::size_t remembered = 16; ///< passes

  working_set::state& set;
  bool used = false;        ///< by a pass
  std::vector<piece*> idle; ///< by size
  std::size_t pieces = 0;   ///< idle or not
  std::uint64_t held = 0;   ///< bytes of them all

  // The same pass in an arena that was empty before it: sizes of pieces that would lie idle; and of all
  // pieces their number and bytes.
  std::vector<std::size_t> anew_idle;
  std::size_t anew_pieces = 0;
  std::uint64_t anew_held = 0;

  std::array<std::uint64_t, remembered> needed{}; ///< anew_held of the last passes
  std::size_t passes = 0;
};

/// The arena of the pass that this thread is in.
std::shared_ptr<arena> current_arena();

} // namespace vef
