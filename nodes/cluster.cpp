#include <vef/nodes/cluster_machine.hpp>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto called_within = 3s; // by a node that we have heard of

// Until whoever waits for a connection is told that there is none: one attempt may fail by chance.
constexpr std::uint32_t enough_failures = 2;

// What a client has on the way to a node is for all nodes.
constexpr credit_limits client_credit{.pictures = 1024, .bytes = 64_MiB};

} // namespace

cluster_machine::cluster_machine(interface::pointer self)
    : self_(self) {}

cluster_machine::interface::behavior_type cluster_machine::make_behavior(cluster_setup setup) {
  setup_ = std::move(setup);
  dice_.seed(setup_.seed != 0 ? setup_.seed : std::random_device{}());
  outliers_ = outliers{setup_.options.outliers};
  self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
  self_->set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
  if (!is_client()) {
    self_->monitor(setup_.supervisor);
    (void)view_.learn(setup_.who); // it is seen as others are, and its name is taken
    view_.set_link(setup_.who.name, link_state::here, {});
    find_local();
  }
  return relay_all<cluster_actor>(
      this, [this](start_atom, const door_actor& door) { begin(door); },
      [this](settle_atom) { return settle(); }, [this](ping_atom) { return known_nodes(); },
      [this](event_atom, node_report& x) { return on_report(x); },
      [this](connected_atom, const node_facts& who, const door_actor& door) {
        return on_node_came(who, door);
      },
      [this](connected_atom, link_id id, session_welcome& x) { on_connected(id, std::move(x)); },
      [this](lost_atom, link_id id, const error& why) { on_lost(id, why); },
      [this](nodes_atom, link_id id, const std::vector<node_facts>& known) {
        if (auto from = peers_.find(id); from != peers_.end() && !is_client()) meet(known);
      },
      [this](prepared_atom, request_id id, errand_id number, embed_request& chunk) {
        send_chunk(id, number, std::move(chunk));
      },
      [this](expire_atom, request_id id) { expire(id); }, [this](moved_atom, request_id id) { advance(id); },
      [this](watch_atom) { look_after(); });
}

void cluster_machine::begin(const door_actor& door) {
  door_ = door;
  for (const auto& address : setup_.options.join) add_link(address);
  look_after();
}

void cluster_machine::end(const caf::error& reason) {
  draining_ = true;
  error why{errc::shutting_down,
            is_client() ? "the connection is being closed" : "the node is being stopped"};
  // Some of a request may have been done: whoever has it done again has to know.
  for (auto& [id, x] : requests_) x.reply.fail(error{errc::unavailable, why.what});
  requests_.clear();
  for (auto& waiting : std::exchange(settling_, {})) waiting.fail(why);
  for (auto& [id, x] : peers_) {
    x.open.fail_all(why);
    caf::anon_send_exit(x.link, caf::exit_reason::user_shutdown);
  }
  peers_.clear();
  if (door_) caf::anon_send_exit(door_, caf::exit_reason::user_shutdown);
  door_ = nullptr;
  self_->quit(reason);
}

void cluster_machine::on_down(const caf::down_msg& msg) {
  if (setup_.supervisor && setup_.supervisor.address() == msg.source) return end(msg.reason);
  if (!local_ || local_.address() != msg.source) return;
  local_ = nullptr;
  find_local();
}

// -- links ----------------------------------------------------------------------------------------------------

void cluster_machine::add_link(const node_address& address) {
  if (to_string(address) == setup_.who.address) return;
  if (std::ranges::any_of(peers_, [&](const auto& x) { return x.second.address == address; })) return;
  auto id = next_link_++;
  auto& x = peers_[id];
  x.address = address;
  x.link = spawn_link(self_->system(), {.id = id,
                                        .address = address,
                                        .tls = setup_.certificates,
                                        .hello = {setup_.who, door_},
                                        .reconnect = setup_.options.reconnect,
                                        .background = setup_.background,
                                        .owner = self_});
}

void cluster_machine::meet(const std::vector<node_facts>& nodes) {
  for (const auto& who : nodes)
    if (auto good = view_.learn(who, cluster_view::source::another); !good)
      spdlog::warn("{}", describe(good.error()));
  connect_to_met();
}

// Of two nodes that have heard of each other one connects at once, and the other one is called back over the
// same connection. It connects as well if that does not happen.
void cluster_machine::connect_to_met() {
  auto now = self_->clock().now();
  for (const auto* x : view_.nodes()) {
    if (is_connected(*x)) {
      met_.erase(x->facts.name);
      continue;
    }
    auto since = met_.try_emplace(x->facts.name, now).first->second;
    auto address = parse_address(x->facts.address);
    if (address && (setup_.who.address < x->facts.address || now - since > called_within)) add_link(*address);
  }
}

void cluster_machine::forget(const std::string& node) {
  outliers_.forget(node);
  met_.erase(node);
  for (auto it = peers_.begin(); it != peers_.end();) {
    auto& x = it->second;
    auto wanted = x.name != node || x.up || std::ranges::count(setup_.options.join, x.address) > 0;
    if (!wanted) caf::anon_send_exit(x.link, caf::exit_reason::user_shutdown);
    it = wanted ? std::next(it) : peers_.erase(it);
  }
}

caf::result<void> cluster_machine::on_node_came(const node_facts& who, const door_actor& door) {
  auto good = view_.learn(who);
  if (!good) return to_caf(good.error());
  auto address = parse_address(who.address);
  if (!address) return to_caf(address.error());
  add_link(*address);
  for (auto& [id, x] : peers_)
    if (x.address == *address && !x.up) self_->send(x.link, hello_atom_v, door);
  return caf::unit;
}

void cluster_machine::on_connected(link_id id, session_welcome x) {
  auto it = peers_.find(id);
  if (it == peers_.end()) return;
  auto& there = it->second;
  if (!is_client() && x.who.name == setup_.who.name) { // an address of this very node, under another name
    caf::anon_send_exit(there.link, caf::exit_reason::user_shutdown);
    peers_.erase(it);
    return settle_waiting({});
  }
  if (auto good = view_.learn(x.who); !good) spdlog::warn("{}", describe(good.error()));
  there.up = true;
  there.failures = 0;
  there.name = x.who.name;
  there.there = std::move(x);
  there.room = is_client() ? credit{client_credit} : credit{};
  there.told = {};
  there.telling = false;
  view_.set_link(there.name, link_state::up, {});
  spdlog::info("connected to node {} at {}", vef::quoted(there.name), to_string(there.address));
  if (is_client()) {
    self_->send(setup_.remote_governor, connected_atom_v, there.there.governor);
    self_->send(setup_.remote_supervisor, connected_atom_v, there.there.supervisor);
  } else {
    meet(there.there.members);
    tell(there);
  }
  settle_waiting({});
  advance_all();
}

void cluster_machine::on_lost(link_id id, const error& why) {
  auto it = peers_.find(id);
  if (it == peers_.end()) return;
  auto& there = it->second;
  auto was_up = std::exchange(there.up, false);
  there.hopeless = !retryable(why.code);
  if (there.failures++ == 0 && !was_up && !is_client())
    spdlog::warn("no connection yet, it is tried again: {}", why.what);
  if (was_up) {
    spdlog::warn("node {} is lost: {}", vef::quoted(there.name), why.what);
    there.there = {};
    there.open.fail_all({errc::unavailable, why.what});
    book_.forget_node(there.name);
  }
  if (!there.name.empty()) view_.set_link(there.name, link_state::connecting, why);
  if (was_up) lose_errands(there.name, why);
  if (was_up && is_client()) {
    self_->send(setup_.remote_governor, lost_atom_v, why);
    self_->send(setup_.remote_supervisor, lost_atom_v, why);
    if (auto other = home()) {
      self_->send(setup_.remote_governor, connected_atom_v, other->there.governor);
      self_->send(setup_.remote_supervisor, connected_atom_v, other->there.supervisor);
    }
  }
  settle_waiting(why);
}

caf::result<void> cluster_machine::settle() {
  promise<void> reply{self_};
  settling_.push_back(reply);
  settle_waiting({});
  return reply;
}

void cluster_machine::settle_waiting(const error& last) {
  if (home()) {
    for (auto& x : std::exchange(settling_, {})) x.deliver();
  } else if (std::ranges::all_of(peers_, [](const auto& x) {
               return x.second.hopeless || x.second.failures >= enough_failures;
             })) {
    for (auto& x : std::exchange(settling_, {}))
      x.fail(last ? last : error{errc::unreachable, "no node could be reached"});
  }
}

cluster_machine::peer* cluster_machine::peer_named(const std::string& node) {
  auto it = std::ranges::find_if(peers_, [&](const auto& x) { return x.second.up && x.second.name == node; });
  return it == peers_.end() ? nullptr : &it->second;
}

cluster_machine::peer* cluster_machine::home() {
  auto it = std::ranges::find_if(peers_, [](const auto& x) { return x.second.up; });
  return it == peers_.end() ? nullptr : &it->second;
}

std::vector<node_facts> cluster_machine::known_nodes() const {
  std::vector<node_facts> out;
  if (!is_client()) out.push_back(setup_.who);
  for (const auto& x : view_.members())
    if (x.name != setup_.who.name) out.push_back(x);
  return out;
}

std::shared_ptr<executor> make_link_workers() {
  return std::make_shared<worker_pool>("node-links", 4u, 4u, std::chrono::seconds{1});
}

cluster_inner_actor spawn_cluster(caf::actor_system& system, cluster_setup setup) {
  return spawn_state<cluster_machine>(system, std::move(setup));
}

} // namespace vef
