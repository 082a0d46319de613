#pragma once

#include <vef/messages/cluster.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vef {

/// What the owner of some models has decided and no report shows yet.
///
/// Between the decision that a node loads a model and the node's report of it, a second request would have
/// it loaded once more, and another model could be given the same room. So a decision is kept until the node
/// reports it, refuses it or leaves, or until a time limit: the request that it was made for may have died.
///
/// Knows nothing of the decisions of other owners: a node that two of them give the same room refuses one.
///
/// Pure: the time comes in. Not for several threads.
class placement_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit placement_book(std::chrono::milliseconds limit = std::chrono::minutes{2});

  /// This node was told to load this model, which takes `needs` there. Said again, the time limit starts
  /// anew.
  void decide(const std::string& model, const place_reply& where, std::vector<device_bytes> needs,
              time_point now);

  /// The decision that a request for this model can join, with `joined` set; nothing if there is none. An
  /// empty service fits any. Does not look at nodes and labels that a request may be restricted to: where it
  /// is, mark the candidates by `loading` and ask choose_load.
  std::optional<place_reply> under_way(const model_key& who, time_point now) const;

  /// Whether this node was told to load it: for place_candidate::loading.
  bool loading(const std::string& node, const model_key& who, time_point now) const;

  /// Bytes set aside at a node, one entry a device: for place_candidate::pending.
  std::vector<device_bytes> pending(const std::string& node, time_point now) const;

  /// A report shows it loading or ready: the node's own numbers count from here on. An empty service fits
  /// any.
  void seen(const std::string& node, const model_key& who);

  /// The node would not load it, or failed to. An empty service fits any.
  void refused(const std::string& node, const model_key& who);

  /// The node has left, or is another process now.
  void forget_node(const std::string& node);

private:
  struct decision {
    place_reply where;
    std::vector<device_bytes> needs;
    time_point until;
  };

  std::chrono::milliseconds limit_;
  std::map<std::string, std::map<model_key, decision>> nodes_;
};

} // namespace vef
