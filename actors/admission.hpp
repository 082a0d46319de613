#pragma once

#include <vef/actors/bytes_on.hpp>
#include <vef/actors/residency.hpp>

#include <list>

namespace vef {

struct admission_options {
  std::size_t max_waiting = 256; ///< loads that wait for room; more are refused as `overloaded`
  unsigned parallel_loads = 2;   ///< that may be under way at once
  std::chrono::milliseconds limit = std::chrono::minutes{2}; ///< a load that found no room so long is refused
  std::chrono::milliseconds drain_after{
      2000}; ///< after so long, busy models too are told to go when they are done
};

/// The loads that wait for room, in the order in which they came. A load is granted when there is room for it
/// and for all before it that want the same memory; idle models are told to go for it; what can never be is
/// refused at once.
///
/// Pure: knows no actors and no clocks. Whoever uses it asks `advance` after anything has happened, does what
/// it says, and asks again at the time that it names.
class admission {
public:
  using time_point = residency::time_point;
  using ticket = std::uint64_t;

  admission(ledger& book, residency& models, admission_options options = {});

  /// Lines a load up. `grant` is what it needs. Errors: over_budget, out_of_memory, overloaded,
  /// invalid_argument.
  result<ticket> ask(load_claim claim, load_grant grant, time_point now);

  /// Forgets the loads of a model that is gone, and says which they were.
  std::vector<ticket> abandon(const model_key& who);

  struct decisions {
    std::vector<std::pair<ticket, load_grant>> granted;
    std::vector<std::pair<ticket, error>> refused;
    std::vector<eviction_step> steps; ///< to be made; they count as started
    std::optional<time_point> next;   ///< when time alone may change something
  };
  decisions advance(time_point now);

  /// What a load would need and evict, if it came now and were alone.
  load_plan plan(const load_claim& claim, const load_grant& grant, time_point now) const;

  std::size_t waiting() const { return waiting_.size(); }
  bool waits_for(const std::string& device) const;

private:
  struct entry {
    ticket id = 0;
    load_claim claim;
    load_grant grant;
    std::vector<device_bytes> needs;
    time_point since;
  };

  result<void> possible(const entry& x) const;
  std::uint32_t places_missing(const entry& x) const;
  bool has_room_now(const entry& x) const;
  bool try_grant(entry& x, std::map<std::string, std::uint64_t>& ahead, time_point now, decisions& out);
  void make_way(entry& x, const std::vector<device_bytes>& missing, std::uint32_t places, time_point now,
                decisions& out);
  error refusal(const entry& x) const;
  std::string who_is_in_the_way(const std::string& device, const model_key& but) const;

  ledger& book_;
  residency& models_;
  admission_options options_;
  std::list<entry> waiting_;
  ticket next_ = 1;
};

/// What a load needs: measured sizes where there are any, the catalog's otherwise.
load_grant needs_of(const load_claim& claim, const model_usage* known);

} // namespace vef
