#include <vef/nodes/session_books.hpp>

#include <algorithm>

namespace vef {

session_books::session_books(std::string whose, const peer_rules& rules, bool read_only, path_guard paths,
                             time_point now)
    : whose_(std::move(whose))
    , read_only_(read_only)
    , paths_(std::move(paths))
    , limits_(rules, now) {}

result<void> session_books::admit(access what, std::uint64_t bytes, time_point now) {
  if (what == access::never)
    return fail(errc::not_allowed, "this is for the node's own actors and not for " + whose_);
  if (what == access::change && read_only_)
    return fail(errc::not_allowed, "this node is read-only: " + whose_
                                       + " can embed with what it offers, but not load, unload or change it");
  std::lock_guard lock{mutex_};
  return limits_.admit(bytes, now);
}

void session_books::answered(std::uint64_t bytes) {
  std::lock_guard lock{mutex_};
  limits_.answered(bytes);
}

std::vector<error> session_books::resolve_paths(embed_request& request) const {
  std::vector<error> out(request.images.size());
  std::vector<image> good;
  for (std::size_t i = 0; i < request.images.size(); ++i) {
    auto& x = request.images[i];
    if (x.kind == image_kind::file) {
      auto path = paths_.allowed(x.name);
      if (!path) {
        out[i] = path.error();
        continue;
      }
      x.name = std::move(*path);
    }
    good.push_back(std::move(x));
  }
  request.images = std::move(good);
  return out;
}

void session_books::on_sign_of_life(time_point now) {
  std::lock_guard lock{mutex_};
  limits_.pong(mark_, now);
  mark_ = limits_.ping();
}

bool session_books::silent(time_point now) const {
  std::lock_guard lock{mutex_};
  return limits_.silent(now);
}

std::uint64_t bytes_of(const embed_request& x) noexcept {
  std::uint64_t sum = 0;
  for (const auto& one : x.images) sum += one.bytes.size() + one.name.size();
  return sum;
}

std::uint64_t bytes_of(const embed_reply& x) noexcept {
  std::uint64_t sum = x.vectors.values().size_bytes() + x.outcomes.size();
  for (const auto& one : x.outcomes) sum += one.what.size();
  return sum;
}

embed_reply with_problems(embed_reply reply, const std::vector<error>& problems) {
  if (std::ranges::none_of(problems, &error::operator bool)) return reply;
  auto dim = reply.vectors.dim();
  auto values = std::make_shared<std::vector<float>>(problems.size() * dim);
  std::vector<error> outcomes(problems.size());
  for (std::size_t i = 0, done = 0; i < problems.size(); ++i) {
    if (problems[i]) {
      outcomes[i] = problems[i];
      continue;
    }
    auto row = reply.vectors.row(done);
    std::ranges::copy(row, values->begin() + static_cast<std::ptrdiff_t>(i * dim));
    outcomes[i] = std::move(reply.outcomes[done++]);
  }
  reply.vectors = matrix{problems.size(), dim, std::move(values)};
  reply.outcomes = std::move(outcomes);
  return reply;
}

} // namespace vef
