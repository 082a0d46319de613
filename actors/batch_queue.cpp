#include <vef/actors/batch_queue.hpp>

#include <algorithm>

namespace vef {

namespace {

// A request's id: the priority in the top byte, inverted, then its number. Ids sort in the order of service.
constexpr unsigned priority_shift = 56;

std::uint64_t make_id(priority p, std::uint64_t sequence) {
  auto rank =
      static_cast<std::uint64_t>(priority::high) - static_cast<std::uint64_t>(std::min(p, priority::high));
  return rank << priority_shift | sequence;
}

std::uint64_t sequence_of(std::uint64_t id) { return id & ((1ull << priority_shift) - 1); }

std::chrono::microseconds between(batch_queue::time_point from, batch_queue::time_point to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

} // namespace

batch_queue::batch_queue(std::string service, model_info model, queue_limits limits)
    : service_(std::move(service))
    , model_(std::move(model))
    , limits_(limits) {}

// -- requests come ------------------------------------------------------------------------------------------

result<batch_queue::request_id> batch_queue::admit(embed_request request, time_point now,
                                                   time_point deadline) {
  auto count = request.images.size();
  if (count == 0) return fail(errc::invalid_argument, "a request without pictures");
  if (count > limits_.max_images)
    return fail(errc::invalid_argument, "a request of " + std::to_string(count) + " pictures; send at most "
                                            + std::to_string(limits_.max_images) + " at once");
  if (images_ + count > limits_.max_images)
    return fail(errc::overloaded, "model " + quoted(model_.id) + " has " + std::to_string(images_)
                                      + " pictures waiting, " + std::to_string(count)
                                      + " more are over its limit of " + std::to_string(limits_.max_images));
  auto how = with_variant(model_.prepare, request.variant);
  if (!how) return fail(how.error());

  auto id = make_id(request.priority, next_sequence_++);
  auto& x = requests_[id];
  x.how = *how;
  x.batch_size = std::clamp<std::size_t>(request.batch_size ? request.batch_size : model_.batch_size, 1,
                                         limits_.max_batch);
  x.open = static_cast<std::uint32_t>(count);
  x.done.resize(count);
  x.admitted = now;
  x.deadline = deadline;
  x.reply.service = service_;
  x.reply.model = model_.id;
  x.reply.outcomes.resize(count);
  x.rows = std::make_shared<std::vector<float>>(count * model_.embed_dim);
  x.request = std::move(request);
  images_ += count;
  return id;
}

// -- work goes out and comes back ---------------------------------------------------------------------------

std::optional<batch_queue::prepare_task> batch_queue::next_to_prepare() {
  for (auto& [id, x] : requests_) {
    if (x.next == x.request.images.size() || held(id)) continue;
    // Two batches ahead at least: one that is being filled while the other goes out.
    if (preparing_ + ready_.size() >= std::max(limits_.ahead, 2 * x.batch_size)) return std::nullopt;
    place where{id, x.next++};
    ++x.preparing;
    ++preparing_;
    return prepare_task{where, std::move(x.request.images[where.index]), x.how};
  }
  return std::nullopt;
}

void batch_queue::prepared(place where, result<pixels> picture, std::chrono::microseconds took) {
  --preparing_;
  auto x = find(where.request);
  if (!x) return; // it has expired
  --x->preparing;
  x->reply.timing.prepare += took;
  if (picture)
    ready_.emplace(where, std::move(*picture));
  else
    settle(where, *x, picture.error());
}

std::size_t batch_queue::batch_size_at_front() const {
  return std::min(requests_.at(ready_.begin()->first.request).batch_size, largest_batch_);
}

std::size_t batch_queue::sendable() const {
  if (ready_.empty()) return 0;
  return std::min(requests_.at(ready_.begin()->first.request).batch_size, ready_.size());
}

bool batch_queue::full_batch_ready() const {
  return !ready_.empty() && ready_.size() >= batch_size_at_front();
}

std::optional<batch_queue::batch> batch_queue::next_batch() {
  if (ready_.empty()) return std::nullopt;
  auto limit = batch_size_at_front();
  auto width = ready_.begin()->second.width, height = ready_.begin()->second.height;

  std::vector<std::map<place, pixels>::iterator> chosen;
  bool last_of_a_request = false;
  for (auto it = ready_.begin(); it != ready_.end() && chosen.size() < limit; ++it) {
    if (it->second.width != width || it->second.height != height)
      continue; // one pass takes pictures of one size
    last_of_a_request |= requests_.at(it->first.request).all_prepared();
    chosen.push_back(it);
  }
  if (chosen.size() < limit && !last_of_a_request && preparing_ > 0) return std::nullopt;

  batch out;
  out.id = next_batch_++;
  for (auto it : chosen) {
    add_to(out, it->first, requests_.at(it->first.request));
    out.images.push_back(std::move(it->second));
    ready_.erase(it);
  }
  in_flight_.emplace(out.id, out.where);
  return out;
}

std::optional<batch_queue::lone_picture> batch_queue::next_lone() {
  if (requests_.size() != 1 || preparing_ > 0 || !ready_.empty() || !in_flight_.empty()) return std::nullopt;
  auto& [id, x] = *requests_.begin();
  if (x.request.images.size() != 1 || x.next > 0 || held(id)) return std::nullopt;
  place where{id, x.next++};
  lone_picture out{{where, std::move(x.request.images[0]), x.how}, {}};
  out.work.id = next_batch_++;
  add_to(out.work, where, x);
  in_flight_.emplace(out.work.id, out.work.where);
  return out;
}

void batch_queue::add_to(batch& out, place where, entry& x) {
  out.where.push_back(where);
  out.rows.emplace_back(x.rows->data() + std::size_t{where.index} * model_.embed_dim, model_.embed_dim);
  if (out.keep.empty() || out.keep.back() != x.rows) out.keep.push_back(x.rows);
}

void batch_queue::embedded(std::uint64_t id, const std::vector<error>& outcomes,
                           std::chrono::microseconds took, std::chrono::microseconds prepare_took) {
  auto it = in_flight_.find(id);
  if (it == in_flight_.end()) return;
  auto places = std::move(it->second);
  in_flight_.erase(it);
  request_id timed = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto x = find(places[i].request);
    if (!x) continue; // it has expired
    if (places[i].request != std::exchange(timed, places[i].request)) x->reply.timing.embed += took;
    x->reply.timing.prepare += prepare_took;
    settle(places[i], *x, outcomes[i]);
  }
}

// -- replies go out -----------------------------------------------------------------------------------------

void batch_queue::settle(place where, entry& x, error outcome) {
  x.done[where.index] = true;
  x.reply.outcomes[where.index] = std::move(outcome);
  --images_;
  if (--x.open == 0) complete_.push_back(where.request);
}

std::vector<batch_queue::finished> batch_queue::take_finished(time_point now) {
  std::vector<finished> out;
  for (auto id : std::exchange(complete_, {})) {
    auto it = requests_.find(id);
    out.push_back({id, close(it->second, now)});
    requests_.erase(it);
  }
  return out;
}

embed_reply batch_queue::close(entry& x, time_point now) const {
  auto dim = std::size_t{model_.embed_dim};
  for (std::size_t i = 0; i < x.reply.outcomes.size(); ++i)
    if (x.reply.outcomes[i]) std::fill_n(x.rows->begin() + static_cast<std::ptrdiff_t>(i * dim), dim, 0.f);
  x.reply.timing.total = between(x.admitted, now);
  x.reply.vectors = matrix{x.reply.outcomes.size(), dim, std::move(x.rows)};
  return std::move(x.reply);
}

void batch_queue::expire(time_point now) {
  for (auto& [id, x] : requests_) {
    if (x.deadline > now || x.open == 0) continue;
    std::erase_if(ready_, [id = id](const auto& item) { return item.first.request == id; });
    detach_rows(x);
    auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - x.admitted).count();
    for (std::uint32_t i = 0; i < x.done.size(); ++i)
      if (!x.done[i])
        settle({id, i}, x, {errc::deadline_exceeded, "not done after " + std::to_string(waited) + " ms"});
  }
}

// A forward pass may be writing into rows that are not done: the reply gets a vector of its own, with what is
// done.
void batch_queue::detach_rows(entry& x) const {
  auto dim = std::size_t{model_.embed_dim};
  auto rows = std::make_shared<std::vector<float>>(x.done.size() * dim);
  for (std::size_t i = 0; i < x.done.size(); ++i)
    if (x.done[i]) std::copy_n(x.rows->data() + i * dim, dim, rows->data() + i * dim);
  x.rows = std::move(rows);
}

std::optional<batch_queue::time_point> batch_queue::next_deadline() const {
  std::optional<time_point> next;
  for (const auto& [id, x] : requests_)
    if (!next || x.deadline < *next) next = x.deadline;
  return next;
}

std::vector<batch_queue::request_id> batch_queue::abandon() {
  std::vector<request_id> ids;
  for (const auto& [id, x] : requests_) ids.push_back(id);
  requests_.clear();
  ready_.clear();
  complete_.clear();
  images_ = 0;
  return ids;
}

void batch_queue::loaded(time_point now) {
  for (auto& [id, x] : requests_) x.reply.timing.load = between(x.admitted, now);
}

// -- draining -----------------------------------------------------------------------------------------------

void batch_queue::hold_new() { hold_from_ = next_sequence_; }

void batch_queue::release() { hold_from_.reset(); }

std::optional<batch_queue::time_point> batch_queue::oldest() const {
  std::optional<time_point> out;
  for (const auto& [id, x] : requests_) out = out ? std::min(*out, x.admitted) : x.admitted;
  return out;
}

bool batch_queue::drained() const {
  return std::ranges::all_of(requests_, [this](const auto& x) { return held(x.first); });
}

bool batch_queue::held(request_id id) const { return hold_from_ && sequence_of(id) >= *hold_from_; }

batch_queue::entry* batch_queue::find(request_id id) {
  auto it = requests_.find(id);
  return it == requests_.end() ? nullptr : &it->second;
}

} // namespace vef
