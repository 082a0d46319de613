#pragma once

#include <vef/actors/open_requests.hpp>
#include <vef/actors/relay.hpp>
#include <vef/nodes/carriage.hpp>
#include <vef/nodes/cluster.hpp>
#include <vef/nodes/cluster_view.hpp>
#include <vef/nodes/credit.hpp>
#include <vef/nodes/link.hpp>
#include <vef/nodes/outliers.hpp>
#include <vef/nodes/placement.hpp>
#include <vef/nodes/placement_book.hpp>
#include <vef/nodes/spread.hpp>

#include <caf/stateful_actor.hpp>

#include <map>
#include <random>
#include <set>

// For the files that implement it alone.

namespace vef {

using request_id = std::uint64_t;
using errand_id = std::uint64_t;

// Its own messages: what is to be sent to another node has been read; the time of a request is up; a request
// can be tried again; look after this and that.
using cluster_self = extended<cluster_inner_actor, void(prepared_atom, request_id, errand_id, embed_request),
                              void(expire_atom, request_id), void(moved_atom, request_id), void(watch_atom)>;

/// Speaks for all nodes. Its decisions are made by the plain classes among its members.
class cluster_machine {
public:
  using interface = cluster_self;
  static inline const char* name = "vef.cluster";

  explicit cluster_machine(interface::pointer self);

  interface::behavior_type make_behavior(cluster_setup setup);

  /// What no overload of `on` answers is the local registry's matter, or the other side's.
  template <class Out, class... In> caf::result<Out> pass(In&... message);

private:
  using time_point = caf::actor_clock::time_point;

  static constexpr std::uint32_t most_vain = 8;
  static constexpr std::chrono::milliseconds after_overload{100};
  static constexpr std::chrono::seconds place_limit{5};

  /// A connection to another node, and what is on its way there.
  struct peer {
    node_address address;
    link_actor link;
    std::string name = {}; // once it has been up
    bool up = false;
    std::uint32_t failures = 0; // attempts in a row
    bool hopeless = false;      // the last one would fail again, unless somebody mends something
    session_welcome there = {}; // while it is up
    credit room{};
    node_report told = {};   // what it has acknowledged of this node
    bool telling = false;    // a report is on its way
    open_requests open = {}; // all but embedding
  };

  /// A part of a request that a node is doing.
  struct errand {
    std::uint64_t part = 0;
    std::string node;
    std::uint32_t pictures = 0;
    std::uint64_t bytes = 0;
    time_point begun{};
    std::shared_ptr<carriage> load = {}; // for another node
  };

  /// A request, from its admission to its answer.
  struct open_embed {
    open_embed(embed_request request, const part_rules& rules)
        : work(std::move(request), rules) {}

    spread work;
    promise<embed_reply> reply;
    place_request wish; // which nodes can do it; those that could not are refused_by
    vef::replay replay = replay::elsewhere;
    std::string goes_to; // of a client's request: the node that it names
    time_point begun{};
    time_point deadline{};
    std::string placed;     // a node that loads the model for it
    bool placing = false;   // somebody is being asked which one
    std::uint32_t vain = 0; // times that nobody could do it
    error last_failure = {};
    std::map<errand_id, errand> errands;
  };

  bool is_client() const { return setup_.who.name.empty(); }

  // -- cluster.cpp: links, nodes, reports -------------------------------------------------------------------
  void begin(const door_actor& door);
  void end(const caf::error& reason);
  void on_down(const caf::down_msg& msg);
  void add_link(const node_address& address);
  void meet(const std::vector<node_facts>& nodes);
  void connect_to_met();
  void forget(const std::string& node);
  caf::result<void> on_node_came(const node_facts& who, const door_actor& door);
  void on_connected(link_id id, session_welcome x);
  void on_lost(link_id id, const error& why);
  caf::result<void> settle();
  void settle_waiting(const error& last);
  bool on_report(node_report& x);
  void look_after();
  void find_local();
  void on_own_status(const node_status& x);
  void tell_peers();
  void tell(peer& to);
  std::vector<node_facts> known_nodes() const;
  cluster_status status() const;
  peer* peer_named(const std::string& node);
  peer* node_with(const std::string& service);
  peer* home(); // the node that a client is connected to

  // -- cluster_ask.cpp: all but embedding -------------------------------------------------------------------
  caf::result<model_status> on(load_atom, const std::string& service, const std::string& model);
  caf::result<model_status> on(load_atom, const std::string& node, const std::string& service,
                               const std::string& model);
  caf::result<std::vector<unload_report>> on(unload_atom, const unload_request& x);
  caf::result<std::vector<unload_report>> on(unload_atom, const std::string& node, const unload_request& x);
  caf::result<std::vector<catalog_entry>> on(models_atom);
  caf::result<service_actor> on(find_atom, const std::string& service);
  void find_at(promise<service_actor> reply, peer& there, const std::string& service);
  caf::result<cluster_status> on(nodes_atom);
  caf::result<place_reply> on(place_atom, const place_request& x);
  caf::result<service_status> on(create_atom, const std::string& node, const service_spec& spec);
  void load_at(promise<model_status> reply, const std::string& node, const std::string& service,
               const std::string& model);
  template <class Out, class... In> caf::result<Out> ask_home(In... message);
  template <class Out, class... In> void ask_local(promise<Out> reply, In... message);
  error no_such_node(const std::string& node);

  // -- cluster_place.cpp: who does it ---------------------------------------------------------------------------
  std::vector<place_candidate> candidates(const place_request& wish);
  std::vector<place_candidate> client_candidates();
  void thin_out(std::vector<place_candidate>& there, const place_request& wish);
  place_candidate candidate(const node_view& node, const catalog_entry& entry);
  bool usable(const node_view& node, std::string& why_not);
  bool has_room(const std::string& node);
  result<model_key> resolve(const std::string& service, const std::string& model) const;
  result<place_reply> decide(const place_request& x);
  std::string owner(const std::string& model);
  template <class Then, class Otherwise>
  void ask_owner(const place_request& wish, Then then, Otherwise otherwise);
  void place(request_id id, open_embed& x);
  void on_placed(request_id id, const place_reply& x);
  void on_not_placed(request_id id, const error& why);
  bool can_hope(const open_embed& x);
  void consider_replica(const open_embed& x, const route& best, const place_candidate& there);

  // -- cluster_embed.cpp: requests and their parts --------------------------------------------------------------
  caf::result<embed_reply> on(embed_atom, embed_request& request);
  caf::result<embed_reply> embed_here(embed_request request);
  void advance(request_id id);
  void advance_all();
  std::optional<std::string> target_for(request_id id, open_embed& x);
  part_rules rules_for(const embed_request& request);
  void send_part(request_id id, open_embed& x, spread::part part, const std::string& node);
  void send_here(request_id id, errand_id errand, embed_request part);
  void read_next(request_id id, errand_id errand, const std::shared_ptr<carriage>& load);
  void send_chunk(request_id id, errand_id errand, embed_request chunk);
  void on_chunk(request_id id, errand_id errand, const embed_reply& reply);
  void on_part_done(request_id id, errand_id errand, embed_reply reply);
  void on_part_failed(request_id id, errand_id errand, const error& why, bool may_have_been_done);
  void lose_errands(const std::string& node, const error& why);
  void give_back(const errand& x);
  void expire(request_id id);
  void finish_if_done(request_id id);
  std::chrono::milliseconds time_left(const open_embed& x) const;

  interface::pointer self_;
  cluster_setup setup_;
  door_actor door_;
  bool draining_ = false;
  registry_actor local_; // empty while there is none, and for a client
  std::map<link_id, peer> peers_;
  link_id next_link_ = 1;
  std::vector<promise<void>> settling_;

  cluster_view view_{node_facts{}};       // of all nodes, this one as well
  std::map<std::string, time_point> met_; // those that are heard of and not connected
  std::uint64_t next_report_ = 1;
  outliers outliers_;
  placement_book book_;
  std::mt19937_64 dice_;
  std::map<std::string, time_point> replicas_asked_;              // by model
  std::map<model_key, std::pair<std::string, time_point>> fresh_; // loaded a moment ago, by no report yet

  std::map<request_id, open_embed> requests_;
  request_id next_request_ = 1;
  errand_id next_errand_ = 1;
};

// -- templates --------------------------------------------------------------------------------------------------

template <class Out, class... In> caf::result<Out> cluster_machine::ask_home(In... message) {
  auto there = home();
  if (!there) return to_caf(error{errc::unavailable, "there is no connection to a node"});
  promise<Out> reply{self_};
  there->open.template ask<Out>(self_, there->there.front, reply, std::move(message)...);
  return reply;
}

template <class Out, class... In> void cluster_machine::ask_local(promise<Out> reply, In... message) {
  if (!local_) return reply.fail(error{errc::unavailable, "the registry of this node is being made anew"});
  auto failed = [reply](caf::error& why) mutable { reply.fail(std::move(why)); };
  auto asked = self_->request(local_, caf::infinite, std::move(message)...);
  if constexpr (std::is_void_v<Out>)
    asked.then([reply]() mutable { reply.deliver(); }, failed);
  else
    asked.then([reply](Out& x) mutable { reply.deliver(std::move(x)); }, failed);
}

// One of the two is called: with the decision of whoever decides about the model, or with an error.
template <class Then, class Otherwise>
void cluster_machine::ask_owner(const place_request& wish, Then then, Otherwise otherwise) {
  auto owned_by = owner(wish.model);
  if (owned_by == setup_.who.name) {
    auto here = decide(wish);
    return here ? then(*here) : otherwise(here.error());
  }
  auto there = peer_named(owned_by);
  if (!there) return otherwise(no_such_node(owned_by));
  self_->request(there->there.front, place_limit, place_atom_v, wish)
      .then([then](const place_reply& x) mutable { then(x); },
            [otherwise](caf::error& why) mutable { otherwise(from_caf(why)); });
}

template <class Out, class... In> caf::result<Out> cluster_machine::pass(In&... message) {
  if constexpr (requires { this->on(message...); }) {
    return on(message...);
  } else {
    if (is_client()) return ask_home<Out>(std::move(message)...);
    promise<Out> reply{self_};
    ask_local<Out>(reply, std::move(message)...);
    return reply;
  }
}

} // namespace vef
