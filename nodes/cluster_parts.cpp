// The parts of requests, at this node and on their way to others.
#include <vef/nodes/cluster_machine.hpp>

#include <vef/actors/tell.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto report_within = 3s; // of a model that was loaded
constexpr std::uint64_t chunk_bytes = 4_MiB;

// What says of a node that something is wrong with it, and not with the request or with how much there is to
// do.
bool speaks_against_node(errc code) {
  switch (code) {
  case errc::unavailable:
  case errc::unreachable:
  case errc::internal:
  case errc::load_failed:
  case errc::embed_failed:
  case errc::deadline_exceeded: return true;
  default: return false;
  }
}

// A node that is told of its fault by every picture of a part has one.
error common_fault(const embed_reply& x) {
  auto bad = [](const error& e) {
    return e.code == errc::embed_failed || e.code == errc::internal || e.code == errc::out_of_memory;
  };
  return !x.outcomes.empty() && std::ranges::all_of(x.outcomes, bad) ? x.outcomes.front() : error{};
}

} // namespace

void cluster_machine::send_part(request_id id, open_embed& x, spread::part part, const std::string& node) {
  auto number = next_errand_++;
  auto& e = x.errands[number];
  e = {.part = part.id,
       .node = node,
       .pictures = part.count,
       .bytes = part.bytes,
       .begun = self_->clock().now()};
  view_.given(node, part.count);
  outliers_.given(node, e.begun);
  part.request.time_allowed = time_left(x);
  if (node == setup_.who.name) return send_here(id, number, std::move(part.request));
  auto& there = *peer_named(node);
  there.room.take(part.count, part.bytes);
  part.request.node = is_client() ? x.goes_to : node;
  if (!is_client()) part.request.labels.clear();
  auto most = std::min(chunk_bytes, there.there.who.most_bytes / 2);
  e.load = std::make_shared<carriage>(std::move(part.request), there.there.who.shared_folders, most);
  read_next(id, number, e.load);
}

void cluster_machine::send_here(request_id id, errand_id number, embed_request part) {
  part.node.clear();
  part.labels.clear();
  if (!local_)
    return on_part_failed(id, number, {errc::unavailable, "the registry of this node is being made anew"},
                          false);
  self_->request(local_, caf::infinite, embed_atom_v, std::move(part))
      .then([this, id, number](embed_reply& reply) { on_part_done(id, number, std::move(reply)); },
            [this, id, number](caf::error& why) {
              auto x = from_caf(why);
              on_part_failed(id, number, x, x.code == errc::unavailable || x.code == errc::deadline_exceeded);
            });
}

void cluster_machine::read_next(request_id id, errand_id number, const std::shared_ptr<carriage>& load) {
  if (!load->has_to_read()) return send_chunk(id, number, load->next());
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
  auto job = [me, id, number, load](unsigned) {
    vef::tell<interface>(me, prepared_atom_v, id, number, load->next());
  };
  if (setup_.readers->submit(std::move(job)) == 0)
    on_part_failed(id, number, {errc::shutting_down, "no thread is left to read files with"}, false);
}

void cluster_machine::send_chunk(request_id id, errand_id number, embed_request chunk) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto e = it->second.errands.find(number);
  if (e == it->second.errands.end()) return; // lost meanwhile
  if (chunk.images.empty() && e->second.pictures > 0) return on_part_done(id, number, e->second.load->take());
  auto there = peer_named(e->second.node);
  if (!there) return on_part_failed(id, number, {errc::unavailable, "its connection is lost"}, false);
  // That a node is lost is told by its link, that time is up by a message of our own.
  self_->request(there->there.front, caf::infinite, embed_atom_v, std::move(chunk))
      .then([this, id, number](const embed_reply& reply) { on_chunk(id, number, reply); },
            [this, id, number](caf::error& why) {
              auto x = from_caf(why);
              on_part_failed(id, number, x, x.code == errc::unavailable || x.code == errc::deadline_exceeded);
            });
}

void cluster_machine::on_chunk(request_id id, errand_id number, const embed_reply& reply) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto e = it->second.errands.find(number);
  if (e == it->second.errands.end()) return;
  auto load = e->second.load;
  load->add(reply);
  load->has_next() ? read_next(id, number, load) : on_part_done(id, number, load->take());
}

void cluster_machine::on_part_done(request_id id, errand_id number, embed_reply reply) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto& x = it->second;
  auto taken = x.errands.extract(number);
  if (taken.empty()) return;
  const auto& e = taken.mapped();
  auto now = self_->clock().now();
  give_back(e);
  auto verdict = x.work.done(e.part, e.node, reply);
  if (verdict == spread::verdict::unusable || common_fault(reply)) {
    view_.failed(e.node);
    outliers_.failed(e.node, now, view_.nodes().size());
  } else {
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - e.begun) - reply.timing.load;
    view_.answered(e.node, e.pictures, std::max(took, 0us));
    outliers_.succeeded(e.node, now);
  }
  if (!is_client() && !reply.model.empty()) {
    fresh_[{reply.service, reply.model}] = {e.node, now + report_within};
    book_.seen(e.node, {reply.service, reply.model});
  }
  if (verdict == spread::verdict::unusable) {
    spdlog::warn("node {} has answered something else than it was asked", vef::quoted(e.node));
    x.wish.refused_by.push_back(e.node);
  }
  advance_all();
}

void cluster_machine::on_part_failed(request_id id, errand_id number, const error& why,
                                     bool may_have_been_done) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto& x = it->second;
  auto taken = x.errands.extract(number);
  if (taken.empty()) return;
  const auto& e = taken.mapped();
  give_back(e);
  x.last_failure = why;
  may_have_been_done = may_have_been_done || (e.load && e.load->partly_done());
  auto once_at_most = x.replay == replay::never && may_have_been_done;
  if (why.code == errc::overloaded && !once_at_most) { // it is able, but not now
    x.work.put_back(e.part);
    self_->delayed_send(self_, after_overload, moved_atom_v, id);
    return;
  }
  view_.failed(e.node);
  if (speaks_against_node(why.code)) outliers_.failed(e.node, self_->clock().now(), view_.nodes().size());
  book_.refused(e.node, {x.wish.service, x.wish.model});
  if (std::ranges::count(x.wish.refused_by, e.node) == 0) x.wish.refused_by.push_back(e.node);
  if (speaks_against_node(why.code) && !once_at_most)
    x.work.put_back(e.part); // for another node: each is tried once
  else
    x.work.failed(e.part, e.node, why, may_have_been_done);
  spdlog::info("a part of {} pictures was not done by node {}: {}", e.pictures, vef::quoted(e.node),
               why.what);
  advance(id);
}

void cluster_machine::lose_errands(const std::string& node, const error& why) {
  std::vector<std::pair<request_id, errand_id>> lost;
  for (const auto& [id, x] : requests_)
    for (const auto& [number, e] : x.errands)
      if (e.node == node) lost.emplace_back(id, number);
  for (const auto& [id, number] : lost) on_part_failed(id, number, {errc::unavailable, why.what}, true);
}

void cluster_machine::give_back(const errand& x) {
  view_.returned(x.node, x.pictures);
  if (auto there = peer_named(x.node)) there->room.give_back(x.pictures, x.bytes);
}

} // namespace vef
