#include <vef/nodes/cluster_view.hpp>

#include <vef/nodes/reports.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace vef {

namespace {

using std::chrono::microseconds;

tl::unexpected<error> taken(const std::string& name, const std::string& first, const std::string& second) {
  return fail(errc::duplicate_name, "two nodes are named " + quoted(name) + ", one at " + quoted(first)
                                        + " and one at " + quoted(second)
                                        + ": give one of them another name");
}

microseconds mean_with(microseconds before, microseconds newest) {
  // 0 stands for none yet.
  newest = std::max(newest, microseconds{1});
  if (before == microseconds{0}) return newest;
  auto sum = cluster_view::newest_weight * static_cast<double>(newest.count())
             + (1 - cluster_view::newest_weight) * static_cast<double>(before.count());
  return std::max(microseconds{static_cast<std::int64_t>(sum + 0.5)}, microseconds{1});
}

} // namespace

bool is_connected(const node_view& x) {
  return x.link == link_state::up || x.link == link_state::ejected || x.link == link_state::here;
}

cluster_view::cluster_view(node_facts self, std::chrono::milliseconds limit)
    : self_(std::move(self))
    , limit_(limit) {}

result<cluster_view::news> cluster_view::learn(const node_facts& x, source from) {
  if (x.name.empty()) return fail(errc::invalid_argument, "a node of a cluster needs a name");
  auto lives = from == source::itself;
  auto old = known(x.name);
  auto here = old && old->view.link == link_state::here;
  if (here || x.name == self_.name) {
    const auto& self = here ? old->view.facts : self_;
    // Others may still speak of the process that had this name before.
    if (lives && x.incarnation != self.incarnation) return taken(x.name, self.address, x.address);
    return news::nothing;
  }
  if (!old) {
    nodes_[x.name].view.facts = x;
    return news::member;
  }
  auto& facts = old->view.facts;
  auto other_process = x.incarnation != facts.incarnation;
  auto connected = is_connected(old->view);
  if (!lives && (connected || x.incarnation < facts.incarnation)) return news::nothing;
  // At one address there is one process at a time: a new one there proves that the old one is gone.
  if (connected && other_process && x.address != facts.address)
    return taken(x.name, facts.address, x.address);
  auto what = other_process                ? news::incarnation
              : x.address != facts.address ? news::address
              : x != facts                 ? news::facts
                                           : news::nothing;
  if (other_process) old->view.report = {};
  facts = x;
  return what;
}

void cluster_view::forget(const std::string& name) { nodes_.erase(name); }

std::vector<std::string> cluster_view::expire(time_point now) {
  std::vector<std::string> out;
  for (auto& [name, x] : nodes_) {
    if (is_connected(x.view)) continue;
    if (!x.lost_since) x.lost_since = now;
    if (now - *x.lost_since >= limit_) out.push_back(name);
  }
  for (const auto& name : out) forget(name);
  return out;
}

bool cluster_view::on_report(const node_report& x, timestamp now) {
  auto to = known(x.node);
  if (!to || x.incarnation != to->view.facts.incarnation || !apply(to->view.report, x)) return false;
  to->view.heard_at = now;
  return true;
}

void cluster_view::set_link(const std::string& name, link_state state, error problem) {
  auto to = known(name);
  if (!to) return;
  to->view.link = state;
  to->view.problem = std::move(problem);
  if (is_connected(to->view)) to->lost_since.reset();
}

void cluster_view::given(const std::string& name, std::uint32_t pictures) {
  auto to = known(name);
  if (!to) return;
  auto room = std::numeric_limits<std::uint32_t>::max() - to->outstanding;
  to->outstanding += std::min(pictures, room);
}

// A node that was forgotten and learnt again gets back what it was given in its former life.
void cluster_view::returned(const std::string& name, std::uint32_t pictures) {
  if (auto to = known(name)) to->outstanding -= std::min(pictures, to->outstanding);
}

void cluster_view::answered(const std::string& name, std::uint32_t pictures, microseconds took) {
  auto to = known(name);
  if (!to) return;
  ++to->view.requests;
  if (pictures > 0) to->view.image_time = mean_with(to->view.image_time, took / pictures);
}

void cluster_view::failed(const std::string& name) {
  auto to = known(name);
  if (!to) return;
  ++to->view.requests;
  ++to->view.failures;
}

std::uint32_t cluster_view::queued(const std::string& name) const {
  auto x = nodes_.find(name);
  return x == nodes_.end() ? 0 : std::max(x->second.view.report.queued, x->second.outstanding);
}

const node_view* cluster_view::find(const std::string& name) const {
  auto x = nodes_.find(name);
  return x == nodes_.end() ? nullptr : &x->second.view;
}

std::vector<const node_view*> cluster_view::nodes() const {
  std::vector<const node_view*> out;
  for (const auto& [name, x] : nodes_) out.push_back(&x.view);
  return out;
}

std::vector<node_facts> cluster_view::members() const {
  std::vector<node_facts> out;
  for (const auto& [name, x] : nodes_)
    if (is_connected(x.view)) out.push_back(x.view.facts);
  return out;
}

std::vector<catalog_entry> cluster_view::models(std::vector<catalog_entry> own) const {
  std::vector<catalog_entry> out;
  std::set<model_key> seen;
  std::set<std::string> with_default;
  auto add = [&](catalog_entry x) {
    if (!seen.insert({x.service, x.model.id}).second) return;
    if (x.is_default) x.is_default = with_default.insert(x.service).second;
    out.push_back(std::move(x));
  };
  for (auto& x : own) add(std::move(x));
  for (const auto& [name, x] : nodes_)
    if (is_connected(x.view)) std::ranges::for_each(x.view.report.catalog, add);
  return out;
}

cluster_status cluster_view::status(node_view self) const {
  cluster_status out;
  out.nodes.push_back(std::move(self));
  for (const auto& [name, x] : nodes_) out.nodes.push_back(x.view);
  return out;
}

cluster_view::entry* cluster_view::known(const std::string& name) {
  auto x = nodes_.find(name);
  return x == nodes_.end() ? nullptr : &x->second;
}

} // namespace vef
