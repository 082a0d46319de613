#pragma once

#include <vef/messages/cluster.hpp>
#include <vef/nodes/node_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Which node answers for a model, which one loads it, and which one decides that. Pure: no actors and no
// clocks; what is known of the nodes comes in, and chance as a generator of the caller's.

namespace vef {

/// What is known of one service of one node, as regards one model.
struct place_candidate {
  std::string node;
  std::string service = {};
  bool offers = false;                    ///< its catalog has the model
  bool usable = false;                    ///< the link is up, its health good, and it is not ejected
  std::string why_not = {};               ///< where it is not usable: "it can't be reached"
  bool may_load = true;                   ///< false: it is read-only
  bool ready = false;                     ///< the model is in memory and serves
  bool loading = false;                   ///< as reported, or as decided (placement_book::loading)
  std::vector<device_bytes> needs = {};   ///< of a load
  std::vector<device_room> devices = {};  ///< as reported
  std::vector<device_bytes> pending = {}; ///< for decided loads that `devices` does not show yet
  std::uint32_t queued = 0; ///< pictures there, of all models, as reported and those given to it since
  std::chrono::microseconds image_time{}; ///< per picture, as measured by this node; 0: not known
  std::chrono::microseconds load_time{};  ///< 0: not known
  bool here = false;                      ///< this node: no network
  std::vector<std::string> labels = {};
};

/// The first rule that fits the model; null: none does.
const placement_rule* rule_for(std::span<const placement_rule> rules, std::string_view model);

/// The member that decides about the loads of this model; empty without members.
///
/// The member with the highest hash of (model, member) wins ("rendezvous hashing": D. Thaler and
/// C. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking,
/// 1998). It is the same on all machines and in any order of members, and a member that leaves changes the
/// owner of just those models that it owned. The hash is FNV-1a of 64 bits, whose weak high bits splitmix64's
/// finaliser mixes. It is part of what nodes agree on: changing it takes a new protocol number.
std::string owner_of(std::string_view model, std::span<const std::string> members);

/// Where a request goes that finds its model in memory.
struct route {
  std::size_t candidate = 0;
  std::chrono::microseconds wait{}; ///< expected, until all of its pictures are answered
};

/// Of two that are drawn at random among those usable and ready, the one with the shorter expected wait,
/// (queued + pictures) * image_time; nothing if there is none. Two choices avoid the herd that all go to the
/// node which the last reports called the least busy, and are nearly as good as looking at all of them
/// (M. Mitzenmacher, "The power of two choices in randomized load balancing", IEEE Transactions on Parallel
/// and Distributed Systems, 2001). One whose image_time is not known takes the mean of the others'. This node
/// wins a tie. `wish` restricts by its service, node, labels and refused_by. Placement rules do not: they say
/// where models are loaded.
std::optional<route> choose_route(std::span<const place_candidate> candidates, std::uint32_t pictures,
                                  std::mt19937_64& dice, const place_request& wish = {});

/// Which of all known nodes should load a model, or one more of it.
///
/// One that has it or loads it already comes first, then one that it fits without an eviction, then one that
/// evicts idle models for it. Among equals: least work queued, most room left, this node, the first name.
/// Only nodes that are usable, may load, are in `refused_by` of nobody, and have what the request and the
/// rule demand. A replica goes only to nodes that do not have it, without an eviction, and while fewer nodes
/// than the rule's `replicas` have it. `rule` may be null.
///
/// Errors: invalid_argument (a node or a label that no node has), unknown_model (nobody offers it),
/// unavailable (none that offers it is usable), not_allowed (all are read-only), over_budget (no room, or
/// enough replicas).
result<std::size_t> choose_load(std::span<const place_candidate> candidates, const place_request& asked,
                                const placement_rule* rule);

/// When a busy model is worth another copy.
struct replica_rules {
  std::chrono::microseconds least_wait{500'000}; ///< people and programs bear with less
  double share = 0.5;                            ///< of the load time
};

/// Whether to ask for a replica, given the best route and the time that a load takes (0: not known).
///
/// It is the question whether to go on renting or to buy: whoever buys once the rent paid equals the price
/// never pays more than twice what would have been best (A. Karlin et al., "Competitive snoopy caching",
/// Algorithmica, 1988). The rent is the time lost waiting, the price the load. The wait of one request counts
/// little, for those behind it in the queue wait as well: hence a share of the load time. And a queue that is
/// gone within `least_wait` is a burst, over before the replica is there.
bool pays_off(const route& best, std::chrono::microseconds load_time, const replica_rules& rules = {});

} // namespace vef
