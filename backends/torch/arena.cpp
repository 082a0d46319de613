#include <vef/backends/torch/arena.hpp>

#include <algorithm>

namespace vef {

namespace {

thread_local std::shared_ptr<arena> current;

} // namespace

struct working_set::state {
  explicit state(std::shared_ptr<emulated_memory> x)
      : device(std::move(x)) {}

  mutable std::mutex mutex;
  const std::shared_ptr<emulated_memory> device;
  std::vector<std::unique_ptr<arena>> arenas;
  std::uint64_t held = 0; ///< bytes of all arenas
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  bool closed = false;

  // Frees the idle piece that is just large enough, or the largest: as few as will do.
  static bool free_one(arena& x, std::uint64_t wanted) {
    if (x.idle.empty()) return false;
    auto found = std::ranges::lower_bound(x.idle, wanted, {}, &piece::size);
    x.free_idle(found == x.idle.end() ? found - 1 : found);
    return true;
  }

  // Frees idle pieces, first those of `own`, until no more than `bytes` are held.
  void shrink(arena* own, std::uint64_t bytes, bool busy_ones_too) {
    while (own && held > bytes && free_one(*own, held - bytes)) {
    }
    for (const auto& x : arenas) {
      if (x->used && !busy_ones_too) continue;
      while (held > bytes && free_one(*x, held - bytes)) {
      }
    }
  }

  piece* make(std::size_t room) {
    auto size = piece_size(room);
    if (device && !device->take(size)) return nullptr;
    auto x = make_piece(room);
    if (!x && device) device->give_back(size);
    return x;
  }

  piece* make_with_room(arena& own, std::size_t room) {
    auto size = piece_size(room);
    if (size > limit || held > limit - size) shrink(&own, size > limit ? 0 : limit - size, false);
    auto x = make(room);
    if (!x) { // what lies idle may be room enough
      shrink(&own, 0, false);
      x = make(room);
    }
    return x;
  }
};

// -- arena --------------------------------------------------------------------------------------------------

piece* arena::take(std::size_t room) {
  std::scoped_lock lock{set.mutex};
  idle.reserve(pieces + 1); // so that giving back cannot fail
  anew_idle.reserve(anew_pieces + 1);
  auto x = take_idle(room);
  if (!x) {
    x = set.make_with_room(*this, room);
    if (!x) return nullptr;
    ++pieces;
    held += x->size;
    set.held += x->size;
  }
  count_anew(x, piece_size(room));
  return x;
}

void arena::count_anew(piece* x, std::size_t size) {
  auto found = std::ranges::lower_bound(anew_idle, size);
  if (found != anew_idle.end()) {
    x->counted = *found;
    anew_idle.erase(found);
  } else {
    x->counted = size;
    anew_held += size;
    ++anew_pieces;
  }
}

// The smallest that is large enough.
piece* arena::take_idle(std::size_t room) {
  auto found = std::ranges::lower_bound(idle, room, {}, &piece::room);
  if (found == idle.end()) return nullptr;
  auto x = *found;
  idle.erase(found);
  return x;
}

void arena::give_back(piece* x) {
  std::scoped_lock lock{set.mutex};
  anew_idle.insert(std::ranges::lower_bound(anew_idle, x->counted), x->counted);
  idle.insert(std::ranges::lower_bound(idle, x->size, {}, &piece::size), x);
  if (set.closed) set.shrink(this, 0, false);
}

void arena::free_idle(std::vector<piece*>::iterator found) {
  auto x = *found;
  idle.erase(found);
  --pieces;
  held -= x->size;
  set.held -= x->size;
  if (set.device) set.device->give_back(x->size);
  free_piece(x);
}

void arena::begin() {
  used = true;
  anew_idle.clear();
  anew_pieces = pieces - idle.size(); // a network with a state keeps some
  anew_held = 0;
}

void arena::end() {
  used = false;
  needed[passes++ % remembered] = anew_held;
  if (held > 2 * *std::ranges::max_element(needed)) {
    while (!idle.empty()) free_idle(idle.end() - 1);
  }
  set.shrink(this, set.limit, false);
}

std::shared_ptr<arena> current_arena() { return current; }

// -- working_set --------------------------------------------------------------------------------------------

working_set::working_set(std::shared_ptr<emulated_memory> device)
    : state_(std::make_shared<state>(std::move(device))) {}

working_set::~working_set() {
  std::scoped_lock lock{state_->mutex};
  state_->closed = true;
  state_->shrink(nullptr, 0, true);
}

std::uint64_t working_set::bytes() const {
  std::scoped_lock lock{state_->mutex};
  return state_->held;
}

void working_set::limit(std::uint64_t bytes) {
  std::scoped_lock lock{state_->mutex};
  state_->limit = bytes;
  state_->shrink(nullptr, bytes, true);
}

void working_set::give_back_idle() {
  std::scoped_lock lock{state_->mutex};
  state_->shrink(nullptr, 0, true);
}

working_set::pass::pass(working_set& x) {
  auto& set = *x.state_;
  std::scoped_lock lock{set.mutex};
  auto found = std::ranges::find(set.arenas, false, [](const auto& y) { return y->used; });
  if (found == set.arenas.end()) found = set.arenas.insert(found, std::make_unique<arena>(set));
  (*found)->begin();
  // A piece in use keeps its arena, and so the set, until it is given back.
  arena_ = {x.state_, found->get()};
  current = arena_;
}

working_set::pass::~pass() {
  current.reset();
  std::scoped_lock lock{arena_->set.mutex};
  arena_->end();
}

std::uint64_t working_set::pass::bytes() const {
  std::scoped_lock lock{arena_->set.mutex};
  return arena_->anew_held;
}

} // namespace vef
