#include <vef/nodes/spread.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace vef {

namespace {

std::uint64_t bytes_of(const image& x) { return x.bytes.size() + x.name.size(); }

bool has_vectors(const embed_reply& x) {
  return std::ranges::any_of(x.outcomes, [](const error& outcome) { return !outcome; });
}

error misfit(const std::string& node, std::size_t pictures, const embed_reply& x) {
  return {errc::internal, quoted(node) + " answered " + std::to_string(pictures) + " pictures with "
                              + std::to_string(x.outcomes.size()) + " outcomes and "
                              + std::to_string(x.vectors.rows()) + " vectors of dimension "
                              + std::to_string(x.vectors.dim()) + " of model " + quoted(x.model)
                              + ", which does not fit the request or the answers to its other parts"};
}

} // namespace

spread::spread(embed_request request, part_rules rules)
    : options_(std::move(request))
    , images_(std::exchange(options_.images, {}))
    , rules_(rules) {
  wait({.count = images_.size()});
  reply_.outcomes.resize(images_.size());
}

std::optional<spread::part> spread::next(std::uint32_t most_pictures) {
  if (waiting_.empty() || most_pictures == 0) return {};
  auto x = std::move(waiting_.extract(waiting_.begin()).mapped());
  auto rest = x;
  x.count = part_size(x, most_pictures);
  rest.first += x.count;
  rest.count -= x.count;
  if (rest.count > 0) wait(std::move(rest));
  auto id = ++last_id_;
  auto out = make_part(id, x);
  out_.emplace(id, std::move(x));
  return out;
}

std::size_t spread::part_size(const piece& x, std::uint32_t most_pictures) const {
  auto most = std::min<std::size_t>({x.count, std::max(rules_.pictures, 1u), most_pictures});
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < most; ++i) {
    bytes += bytes_of(images_[x.first + i]);
    if (i > 0 && bytes > rules_.bytes) return i;
  }
  return most;
}

spread::part spread::make_part(part_id id, const piece& x) const {
  part out{id, options_, x.first, static_cast<std::uint32_t>(x.count)};
  auto from = images_.begin() + static_cast<std::ptrdiff_t>(x.first);
  out.request.images.assign(from, from + static_cast<std::ptrdiff_t>(x.count));
  for (const auto& picture : out.request.images) out.bytes += bytes_of(picture);
  return out;
}

void spread::put_back(part_id id) {
  if (auto x = close(id)) wait(std::move(*x));
}

std::vector<std::string> spread::avoid(part_id id) const {
  auto x = out_.find(id);
  return x == out_.end() ? std::vector<std::string>{} : x->second.failed_at;
}

spread::verdict spread::done(part_id id, const std::string& node, const embed_reply& reply) {
  auto x = close(id);
  if (!x) return verdict::late;
  if (!fits(*x, reply)) {
    auto why = misfit(node, x->count, reply);
    fail_piece(std::move(*x), node, why, true);
    return verdict::unusable;
  }
  place(*x, reply);
  return verdict::taken;
}

bool spread::fits(const piece& x, const embed_reply& reply) const {
  if (reply.outcomes.size() != x.count || reply.vectors.rows() != x.count) return false;
  // Vectors of two models can't be compared with each other, though their dimensions be equal.
  if (answered_ && reply.model != reply_.model) return false;
  if (!has_vectors(reply)) return true;
  return reply.vectors.dim() > 0 && (values_.empty() || reply.vectors.dim() == dim_);
}

void spread::place(const piece& x, const embed_reply& reply) {
  if (!answered_) {
    answered_ = true;
    reply_.service = reply.service;
    reply_.model = reply.model;
  }
  if (values_.empty()) dim_ = reply.vectors.dim();
  if (values_.empty() && has_vectors(reply)) values_.resize(images_.size() * dim_);
  for (std::size_t i = 0; i < x.count; ++i) {
    auto at = x.first + i;
    reply_.outcomes[at] = reply.outcomes[i];
    if (!reply.outcomes[i])
      std::ranges::copy(reply.vectors.row(i), values_.begin() + static_cast<std::ptrdiff_t>(at * dim_));
    images_[at] = {};
  }
  reply_.timing.load = std::max(reply_.timing.load, reply.timing.load);
  reply_.timing.prepare += reply.timing.prepare;
  reply_.timing.embed += reply.timing.embed;
}

void spread::failed(part_id id, const std::string& node, error why, bool may_have_been_done) {
  auto x = close(id);
  if (!x) return;
  if (!why) why = {errc::internal, quoted(node) + " did not do it and does not say why"};
  fail_piece(std::move(*x), node, why, may_have_been_done);
}

void spread::fail_piece(piece x, const std::string& node, const error& why, bool may_have_been_done) {
  ++x.failures;
  if (std::ranges::find(x.failed_at, node) == x.failed_at.end()) x.failed_at.push_back(node);
  auto harmless = options_.replay != replay::never || !may_have_been_done;
  if (harmless && retryable(why.code) && x.failures < rules_.attempts)
    wait(std::move(x));
  else
    settle(x, why);
}

void spread::fail_rest(const error& why) {
  for (const auto& [id, x] : std::exchange(out_, {})) settle(x, why);
  for (const auto& [first, x] : std::exchange(waiting_, {})) settle(x, why);
}

// What stands side by side and has the same past is one piece again: else parts could only become smaller.
void spread::wait(piece x) {
  auto after = waiting_.find(x.first + x.count);
  if (x.count > 0 && after != waiting_.end() && after->second.failures == x.failures
      && after->second.failed_at == x.failed_at) {
    x.count += after->second.count;
    waiting_.erase(after);
  }
  waiting_.emplace(x.first, std::move(x));
}

void spread::settle(const piece& x, const error& why) {
  if (x.first == 0) first_error_ = why;
  for (auto i = x.first; i < x.first + x.count; ++i) {
    reply_.outcomes[i] = why;
    images_[i] = {};
  }
}

std::optional<spread::piece> spread::close(part_id id) {
  auto x = out_.extract(id);
  if (x.empty()) return {};
  return std::move(x.mapped());
}

std::size_t spread::waiting_pictures() const {
  std::size_t sum = 0;
  for (const auto& [first, x] : waiting_) sum += x.count;
  return sum;
}

bool spread::finished() const { return waiting_.empty() && out_.empty(); }

std::optional<error> spread::whole_error() const {
  if (answered_) return {};
  return first_error_;
}

embed_reply spread::take(std::chrono::microseconds total) {
  values_.resize(images_.size() * dim_);
  reply_.timing.total = total;
  reply_.vectors =
      matrix{images_.size(), dim_, std::make_shared<const std::vector<float>>(std::move(values_))};
  return std::move(reply_);
}

} // namespace vef
