#pragma once

#include <vef/messages/cluster.hpp>

#include <map>
#include <optional>

namespace vef {

/// What one node knows of all others: who they are, how they do, and how they have served it.
///
/// Reports are hearsay of some moment; what this node sees itself, its connections and its own work there, is
/// kept beside them and counts for more. A node that can't be reached is remembered for a while, so that it
/// is found again when it comes back, and then forgotten.
///
/// Pure: no clocks. Not for several threads at once. Names that nobody has are passed over without an error:
/// a node may have been forgotten while an answer was on its way.
class cluster_view {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds remembered{600'000};

  /// The share of the newest answer in `image_time`, a mean that forgets exponentially (EWMA): a node that
  /// has become slower shows after two answers, and of one odd answer a tenth is left after eight.
  static constexpr double newest_weight = 0.25;

  /// The view of `self`, which forgets nodes that were unreachable for `limit`. With a `self` without a name,
  /// it can be told of this node as it is of others, with the link `here`; then it is found and listed as
  /// they are.
  explicit cluster_view(node_facts self, std::chrono::milliseconds limit = remembered);

  // -- who there is -----------------------------------------------------------------------------------------

  /// Who says so.
  enum class source : std::uint8_t {
    itself,  ///< the node has just introduced itself: it lives
    another, ///< a third one: true at some time
  };

  /// What is new about it.
  enum class news : std::uint8_t {
    nothing,
    member,      ///< it was not known
    incarnation, ///< another process, perhaps elsewhere; the report of the one before is void
    address,     ///< the same process is reached at another address
    facts,       ///< another thing about it: its version, its labels
  };

  /// Who a node is. While there is a connection to it, it alone is believed; without one, others are too,
  /// unless they speak of an earlier process.
  ///
  /// Errors: duplicate_name, where it says itself that it has this node's name, or that of another process
  /// which is at another address and connected with us; nothing is changed then. invalid_argument for a
  /// client, which has no name.
  result<news> learn(const node_facts& x, source from = source::itself);

  void forget(const std::string& name);

  /// Forgets who could not be reached for the limit, counted from the first call that finds it so: call it
  /// every now and then. The names of those forgotten. `now` never goes back.
  std::vector<std::string> expire(time_point now);

  // -- how they do ------------------------------------------------------------------------------------------

  /// False if it can't be applied (reports.hpp), or is of a node or a process that is not known: then all is
  /// wanted.
  bool on_report(const node_report& x, timestamp now);

  void set_link(const std::string& name, link_state state, error problem = {});

  // -- what this node had them do ---------------------------------------------------------------------------

  /// Pictures are sent there. Each of them comes back once, whether it was done or not.
  void given(const std::string& name, std::uint32_t pictures);
  void returned(const std::string& name, std::uint32_t pictures);

  /// A part of a request was done there, which took so long from here to here.
  void answered(const std::string& name, std::uint32_t pictures, std::chrono::microseconds took);

  /// A part of a request was not done there.
  void failed(const std::string& name);

  /// Pictures that wait there or are being worked on: the larger of what it reported and what this node has
  /// there. The report is older than the latest of ours and includes the earlier ones; their sum would count
  /// those twice and drive this node away from where it sends most. The larger is too low by no more than
  /// what others have sent since the report, which the next one corrects.
  std::uint32_t queued(const std::string& name) const;

  // -- what there is ----------------------------------------------------------------------------------------

  /// Null for one that is not known. Valid until it is forgotten.
  const node_view* find(const std::string& name) const;

  /// All, in the order of their names. Valid until they are forgotten.
  std::vector<const node_view*> nodes() const;

  /// The facts of those that are connected, by name, which is what others are told: were they told of nodes
  /// that can't be reached, one that is gone would be handed around for ever.
  std::vector<node_facts> members() const;

  /// The models of all nodes that are connected, after this node's own: each service and model once, as the
  /// first one of them has it, by name; and no more than one default for each service.
  std::vector<catalog_entry> models(std::vector<catalog_entry> own = {}) const;

  /// All nodes, `self` first.
  cluster_status status(node_view self) const;

private:
  struct entry {
    node_view view;
    std::uint32_t outstanding = 0;          // pictures that this node has there
    std::optional<time_point> lost_since{}; // none: connected, or not looked at since
  };

  entry* known(const std::string& name);

  node_facts self_;
  std::chrono::milliseconds limit_;
  std::map<std::string, entry> nodes_;
};

/// Whether there is a connection to it, be it that it is ejected.
bool is_connected(const node_view& x);

} // namespace vef
