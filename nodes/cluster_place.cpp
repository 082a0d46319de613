#include <vef/nodes/cluster_machine.hpp>

#include <vef/messages/suggest.hpp>
#include <vef/nodes/self_report.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t sample = 32;      // nodes
constexpr auto replicas_every = 1s;     // that often a model is looked at again
constexpr auto try_again_after = 250ms; // nobody can do it now

const model_presence* presence_of(const node_view& node, const model_key& who) {
  auto it = std::ranges::lower_bound(node.report.models, who, {}, &model_presence::who);
  return it == node.report.models.end() || it->who != who ? nullptr : &*it;
}

} // namespace

bool cluster_machine::usable(const node_view& node, std::string& why_not) {
  if (node.link != link_state::here && node.link != link_state::up)
    why_not = "it can't be reached" + (node.problem ? ": " + node.problem.what : std::string{});
  else if (outliers_.ejected(node.facts.name, self_->clock().now()))
    why_not = "it has failed too often of late";
  else if (node.report.number == 0)
    why_not = "it has not said yet how it does";
  else if (!ready(node.report.health.state))
    why_not = "it is " + std::string{to_string(node.report.health.state)}
              + (node.report.health.reason.empty() ? "" : ": " + node.report.health.reason);
  return why_not.empty();
}

place_candidate cluster_machine::candidate(const node_view& node, const catalog_entry& entry) {
  model_key who{entry.service, entry.model.id};
  auto now = self_->clock().now();
  place_candidate out{.node = node.facts.name, .service = entry.service, .offers = true};
  out.usable = usable(node, out.why_not);
  out.here = node.link == link_state::here;
  out.may_load = out.here || !node.facts.read_only;
  out.devices = node.report.devices;
  out.pending = book_.pending(node.facts.name, now);
  out.queued = view_.queued(node.facts.name);
  out.image_time = node.image_time;
  out.labels = node.facts.labels;
  out.needs = catalog_needs(entry.model);
  if (auto there = presence_of(node, who)) {
    out.ready = is_in_memory(*there);
    out.loading = there->state == model_state::loading;
    out.load_time = there->load_time;
    if (!there->needs.empty()) out.needs = there->needs;
  }
  if (auto fresh = fresh_.find(who); fresh != fresh_.end() && fresh->second.first == node.facts.name)
    out.ready = out.ready || now < fresh->second.second;
  out.loading = out.loading || book_.loading(node.facts.name, who, now);
  return out;
}

// Whatever is asked of a client's node, that one sees to it.
std::vector<place_candidate> cluster_machine::client_candidates() {
  std::vector<place_candidate> out;
  for (auto& [id, x] : peers_) {
    if (!x.up) continue;
    place_candidate one{.node = x.name, .offers = true, .ready = true};
    one.usable = !outliers_.ejected(x.name, self_->clock().now());
    one.why_not = "it has failed too often of late";
    one.queued = view_.queued(x.name);
    if (auto seen = view_.find(x.name)) one.image_time = seen->image_time;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<place_candidate> cluster_machine::candidates(const place_request& wish) {
  if (is_client()) return client_candidates();
  std::vector<place_candidate> out;
  for (const auto* node : view_.nodes()) {
    auto before = out.size();
    for (const auto& entry : node->report.catalog)
      if (entry.model.id == wish.model && (wish.service.empty() || entry.service == wish.service))
        out.push_back(candidate(*node, entry));
    if (out.size() == before) // known by its name and its labels all the same
      out.push_back({.node = node->facts.name, .labels = node->facts.labels});
  }
  return out;
}

// Among very many nodes those that have it and some others: owners whose reports are equally old would all
// take the same best one, and looking at all takes longer than it gains (`./dev bench placement`).
void cluster_machine::thin_out(std::vector<place_candidate>& there, const place_request& wish) {
  if (there.size() <= 2 * sample) return;
  auto others = std::ranges::stable_partition(
      there, [&](const place_candidate& x) { return x.ready || x.loading || x.node == wish.node; });
  std::ranges::shuffle(others, dice_);
  auto kept = static_cast<std::size_t>(others.begin() - there.begin());
  there.resize(std::min(there.size(), kept + sample));
}

// The empty names are those of the first default, this node's before others'.
result<model_key> cluster_machine::resolve(const std::string& service, const std::string& model) const {
  std::vector<std::string> ids, services;
  const catalog_entry* other = nullptr;
  for (const auto* node : view_.nodes()) {
    if (!is_connected(*node)) continue;
    for (const auto& x : node->report.catalog) {
      ids.push_back(x.model.id);
      services.push_back(x.service);
      auto fits =
          (service.empty() || x.service == service) && (model.empty() ? x.is_default : x.model.id == model);
      if (!fits) continue;
      if (node->link == link_state::here || !model.empty())
        return model_key{service.empty() && !model.empty() ? std::string{} : x.service, x.model.id};
      if (!other) other = &x;
    }
  }
  if (other) return model_key{other->service, other->model.id};
  if (ids.empty()) return fail(errc::unavailable, "no node with a model is there yet");
  if (!service.empty() && std::ranges::count(services, service) == 0)
    return fail(errc::unknown_service, unknown("service", service, services));
  return fail(errc::unknown_model, unknown("model", model, ids));
}

bool cluster_machine::has_room(const std::string& node) {
  auto there = peer_named(node);
  return !there || there->room.idle() || (there->room.pictures_left() > 0 && there->room.bytes_left() > 0);
}

// -- who loads it -----------------------------------------------------------------------------------------------

std::string cluster_machine::owner(const std::string& model) {
  std::vector<std::string> members;
  for (const auto* x : view_.nodes())
    if (x->link == link_state::here || x->link == link_state::up) members.push_back(x->facts.name);
  return owner_of(model, members);
}

result<place_reply> cluster_machine::decide(const place_request& x) {
  auto now = self_->clock().now();
  model_key who{x.service, x.model};
  for (const auto& node : x.refused_by) book_.refused(node, who);
  auto there = candidates(x);
  if (std::ranges::none_of(there, &place_candidate::offers)) {
    auto which = resolve(x.service, x.model);
    return fail(which ? error{errc::unavailable, "no node offers model " + vef::quoted(x.model) + " now"}
                      : which.error());
  }
  thin_out(there, x);
  auto chosen = choose_load(there, x, rule_for(setup_.options.placement, x.model));
  if (!chosen) return fail(chosen.error());
  const auto& best = there[*chosen];
  place_reply out{.node = best.node, .service = best.service, .joined = best.loading};
  if (!best.ready && !best.loading) {
    book_.decide(x.model, out, best.needs, now);
    spdlog::info("model {} is to be loaded by node {}", vef::quoted(x.model), vef::quoted(best.node));
  }
  return out;
}

void cluster_machine::place(request_id id, open_embed& x) {
  x.placing = owner(x.wish.model) != setup_.who.name; // else it is decided here and now
  ask_owner(
      x.wish, [this, id](const place_reply& where) { on_placed(id, where); },
      [this, id](const error& why) { on_not_placed(id, why); });
}

void cluster_machine::on_placed(request_id id, const place_reply& where) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto asked = std::exchange(it->second.placing, false);
  it->second.placed = where.node;
  if (asked) advance(id);
}

// Whether it can still be done: the one that decides may just have gone, and another decides next time.
bool cluster_machine::can_hope(const open_embed& x) {
  return std::ranges::any_of(candidates(x.wish), [&](const place_candidate& one) {
    return one.usable && std::ranges::count(x.wish.refused_by, one.node) == 0;
  });
}

void cluster_machine::on_not_placed(request_id id, const error& why) {
  auto it = requests_.find(id);
  if (it == requests_.end()) return;
  auto& x = it->second;
  x.placing = false;
  auto passing = retryable(why.code) || why.code == errc::unreachable;
  auto mended_by_waiting = passing && (!x.last_failure || retryable(x.last_failure.code));
  auto waits = x.replay == replay::when_back && mended_by_waiting;
  auto again = passing && why.code != errc::over_budget && can_hope(x) && ++x.vain <= most_vain;
  if (!waits && !again) {
    // What a node said of the request tells more than that no further node is left.
    x.work.fail_rest(x.last_failure && why.code == errc::unavailable ? x.last_failure : why);
    return finish_if_done(id);
  }
  if (waits) x.wish.refused_by.clear();
  self_->delayed_send(self_, try_again_after, moved_atom_v, id);
}

void cluster_machine::consider_replica(const open_embed& x, const route& best, const place_candidate& there) {
  auto now = self_->clock().now();
  if (is_client() || !pays_off(best, there.load_time)) return;
  auto& asked = replicas_asked_[x.wish.model];
  if (now - asked < replicas_every) return;
  asked = now;
  auto wish = x.wish;
  wish.replica = true;
  auto load = [this, model = wish.model](const place_reply& where) {
    spdlog::info("model {} has more to do than its nodes can: node {} loads it too", vef::quoted(model),
                 vef::quoted(where.node));
    self_->request(cluster_inner_actor{self_}, 10min, load_atom_v, where.node, where.service, model)
        .then([](const model_status&) {},
              [](caf::error& why) { spdlog::info("no further copy: {}", from_caf(why).what); });
  };
  ask_owner(wish, load, [](const error& why) { spdlog::debug("no further copy: {}", why.what); });
}

} // namespace vef
