// What nodes tell each other of themselves.
#include <vef/nodes/cluster_machine.hpp>

#include <vef/nodes/reports.hpp>
#include <vef/nodes/self_report.hpp>

#include <spdlog/spdlog.h>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 500ms;
constexpr auto answer_limit = 5s;

timestamp wall_time() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

} // namespace

void cluster_machine::look_after() {
  self_->delayed_send(self_, look_every, watch_atom_v);
  for (const auto& gone : view_.expire(self_->clock().now())) forget(gone);
  if (is_client()) return;
  connect_to_met();
  tell_peers();
  self_->request(setup_.supervisor, answer_limit, status_atom_v)
      .then([this](const node_status& x) { on_own_status(x); },
            [](caf::error& why) {
              spdlog::warn("this node does not say how it does: {}", from_caf(why).what);
            });
}

void cluster_machine::find_local() {
  self_->request(setup_.supervisor, answer_limit, find_atom_v)
      .then(
          [this](const node_actors& x) {
            local_ = x.registry;
            self_->monitor(local_); // a dead one is told at once, and looked for again
          },
          [](caf::error&) {}); // the supervisor is gone, which ends this one as well
}

void cluster_machine::on_own_status(const node_status& x) {
  auto report = self_report(x, setup_.who);
  auto known = view_.find(setup_.who.name);
  if (known && same_state(known->report, report)) return;
  report.number = next_report_++;
  (void)view_.on_report(report, wall_time());
  for (const auto& m : report.models)
    if (m.state != model_state::absent) book_.seen(setup_.who.name, m.who);
  tell_peers();
  advance_all();
}

void cluster_machine::tell_peers() {
  for (auto& [id, x] : peers_)
    if (x.up) tell(x);
}

// One report at a time: what changes meanwhile goes with the next one.
void cluster_machine::tell(peer& to) {
  auto mine = view_.find(setup_.who.name);
  if (to.telling || !mine || mine->report.number == 0 || mine->report.number == to.told.number) return;
  to.telling = true;
  auto sent = mine->report;
  auto change = to.told.number == 0 ? sent : difference(to.told, sent);
  auto session = to.there.session;
  auto still = [this, session](auto act) {
    for (auto& [id, x] : peers_)
      if (x.up && x.there.session == session) act(x);
  };
  self_->request(session, answer_limit, event_atom_v, std::move(change))
      .then(
          [this, still, sent](bool applied) {
            still([&](peer& x) {
              auto from_scratch = x.told.number == 0;
              x.telling = false;
              x.told = applied ? sent : node_report{};
              if (applied || !from_scratch) tell(x); // who does not want all of it is asked again by and by
            });
          },
          [still](caf::error&) { // the link notices what there is to notice
            still([](peer& x) {
              x.telling = false;
              x.told = {};
            });
          });
}

bool cluster_machine::on_report(node_report& x) {
  if (!view_.on_report(x, wall_time())) return false;
  for (const auto& m : x.models)
    if (m.state != model_state::absent) book_.seen(x.node, m.who);
  advance_all();
  return true;
}

} // namespace vef
