#include <vef/nodes/cluster_machine.hpp>

#include <vef/actors/tell.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds time_allowed = 10min; // as a model has it
} // namespace

// -- a request --------------------------------------------------------------------------------------------------

caf::result<embed_reply> cluster_machine::on(embed_atom, embed_request& request) {
  if (draining_) return to_caf(error{errc::shutting_down, "the node is being stopped"});
  auto alone = !is_client() && peers_.empty();
  if (!is_client() && (alone || request.node == setup_.who.name)) {
    if (!request.node.empty() && request.node != setup_.who.name) return to_caf(no_such_node(request.node));
    return embed_here(std::move(request));
  }
  model_key which{request.service, request.model};
  if (!is_client()) {
    auto known = resolve(request.service, request.model);
    if (!known) return to_caf(known.error());
    which = *known;
    request.service = which.service;
    request.model = which.model;
  }
  auto id = next_request_++;
  auto allowed = request.time_allowed.value_or(time_allowed);
  auto rules = rules_for(request);
  place_request wish; // whatever a client asks for, each of its nodes sees to it
  if (!is_client())
    wish = {.service = which.service, .model = which.model, .node = request.node, .labels = request.labels};
  auto goes_to = request.node;
  auto replay = request.replay;
  auto& x = requests_.try_emplace(id, std::move(request), rules).first->second;
  x.wish = std::move(wish);
  x.goes_to = std::move(goes_to);
  x.replay = replay;
  x.reply = promise<embed_reply>{self_};
  x.begun = self_->clock().now();
  x.deadline = x.begun + allowed;
  self_->delayed_send(self_, allowed, expire_atom_v, id);
  auto reply = x.reply;
  advance(id);
  return reply;
}

caf::result<embed_reply> cluster_machine::embed_here(embed_request request) {
  if (!local_) return to_caf(error{errc::unavailable, "the registry of this node is being made anew"});
  request.node.clear();
  request.labels.clear();
  return self_->delegate(local_, embed_atom_v, std::move(request));
}

// Small enough that every node that has the model gets its share, twice if it can be: the faster ones then do
// more. No smaller than the batch that the request wants.
part_rules cluster_machine::rules_for(const embed_request& request) {
  part_rules out{.attempts = 64}; // the nodes that it was refused by are what bounds it
  if (is_client()) {
    out.pictures = 128; // the node cuts it again
    return out;
  }
  std::size_t able = 0;
  for (const auto& x : candidates({.service = request.service, .model = request.model}))
    able += x.usable && x.ready ? 1 : 0;
  if (able < 2) return out;
  auto share = static_cast<std::uint32_t>((request.images.size() + 2 * able - 1) / (2 * able));
  out.pictures = std::clamp(share, std::max(8u, std::min(request.batch_size, 64u)), 64u);
  return out;
}

milliseconds cluster_machine::time_left(const open_embed& x) const {
  return std::max(milliseconds{1},
                  std::chrono::duration_cast<milliseconds>(x.deadline - self_->clock().now()));
}

void cluster_machine::advance(request_id id) {
  for (;;) {
    auto it = requests_.find(id);
    if (it == requests_.end()) return;
    if (it->second.work.finished()) return finish_if_done(id);
    if (it->second.work.waiting_pictures() == 0 && it->second.work.open_parts() > 0) return;
    auto node = target_for(id, it->second);
    if (!node) return;
    auto part = it->second.work.next();
    if (!part) return;
    send_part(id, it->second, std::move(*part), *node);
  }
}

void cluster_machine::advance_all() {
  std::vector<request_id> ids;
  for (const auto& [id, x] : requests_) ids.push_back(id);
  for (auto id : ids) advance(id);
}

// The node that the next part goes to; none if it has to wait, for an answer or for somebody to decide.
std::optional<std::string> cluster_machine::target_for(request_id id, open_embed& x) {
  if (x.placing) return std::nullopt;
  auto there = candidates(x.wish);
  auto busy = false;
  for (auto& one : there)
    if (one.usable && one.ready && !has_room(one.node)) {
      one.ready = false;
      busy = std::ranges::count(x.wish.refused_by, one.node) == 0;
    }
  auto pictures = static_cast<std::uint32_t>(std::min<std::size_t>(x.work.waiting_pictures(), 64));
  if (auto best = choose_route(there, pictures, dice_, x.wish)) {
    consider_replica(x, *best, there[best->candidate]);
    return there[best->candidate].node;
  }
  if (busy) return std::nullopt;
  if (is_client()) {
    on_not_placed(id, x.last_failure ? x.last_failure
                                     : error{errc::unavailable, "there is no connection to a node"});
    return std::nullopt;
  }
  auto refused = std::ranges::count(x.wish.refused_by, x.placed) > 0;
  if (x.placed.empty() || refused) place(id, x); // may end the request
  auto it = requests_.find(id);
  if (it == requests_.end() || it->second.placing || it->second.placed.empty()) return std::nullopt;
  const auto& placed = it->second.placed;
  if (std::ranges::count(it->second.wish.refused_by, placed) > 0) return std::nullopt;
  if (placed != setup_.who.name && !peer_named(placed)) {
    it->second.placed.clear();
    self_->delayed_send(self_, after_overload, moved_atom_v, id);
    return std::nullopt;
  }
  return has_room(placed) ? std::optional{placed} : std::nullopt;
}

// -- its end ----------------------------------------------------------------------------------------------------

void cluster_machine::expire(request_id id) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto& x = it->second;
  std::string text = "the time for it is up";
  if (x.last_failure) text += "; before that: " + x.last_failure.what;
  for (const auto& [number, e] : x.errands) give_back(e);
  x.errands.clear();
  x.work.fail_rest({errc::deadline_exceeded, text});
  finish_if_done(id);
}

void cluster_machine::finish_if_done(request_id id) {
  auto it = requests_.find(id);
  if (it == requests_.end() || !it->second.work.finished()) return;
  auto& x = it->second;
  if (auto problem = x.work.whole_error()) {
    x.reply.fail(*problem);
  } else {
    auto took = self_->clock().now() - x.begun;
    x.reply.deliver(x.work.take(std::chrono::duration_cast<std::chrono::microseconds>(took)));
  }
  for (const auto& [number, e] : x.errands) give_back(e);
  requests_.erase(it);
}

} // namespace vef
