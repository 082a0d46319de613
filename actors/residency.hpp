#pragma once

#include <vef/actors/eviction.hpp>
#include <vef/actors/ledger.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace vef {

struct residency_options {
  /// A model stays for at least so long, or for as long as its load took if that is longer, up to
  /// `longest_minimum`: models that displace each other spend at most half of the time on loads.
  std::chrono::milliseconds minimum{500};
  std::chrono::milliseconds longest_minimum{10000};

  /// Room for larger batches is taken only from models that were not used for so long.
  std::chrono::milliseconds stale_after{60000};
};

/// How much it is wanted that models leave.
enum class urgency : std::uint8_t {
  growth,   ///< larger batches: only models not used for long
  load,     ///< a load: idle models that had their minimum time
  overdue,  ///< a load that has waited for long: busy models too, once their requests are done
  pressure, ///< memory is short: every idle model
  possible, ///< everything that is not pinned: for a look at what could be
};

/// Which models are in memory, and which of them go when room is needed or when they were idle for too long.
/// Pins, leases, minimum times and keep-alives are kept here; the ledger has the bytes, the policy chooses
/// among those that may go.
///
/// Pure: knows no actors and no clocks.
class residency {
public:
  using time_point = std::chrono::steady_clock::time_point;

  residency(ledger& book, std::unique_ptr<eviction_policy> policy, residency_options options = {});

  struct model {
    load_claim facts;
    vef::tier tier = tier::absent;
    bool loading = false; ///< memory is set aside and not yet settled
    bool leased = false;
    bool climbing = false; ///< waits for room in a higher tier, and so can't finish what it has
    bool leaving = false;  ///< told to go, or to give something back
    vef::tier leaving_to = tier::absent;
    bool busy_when_told = false;
    bool only_down = false; ///< could not move a tier down: the next time it goes altogether
    time_point last_used;
    time_point since;      ///< in this tier
    time_point not_before; ///< it refused to go: it is not asked again until then
    std::optional<std::chrono::milliseconds> keep_alive; ///< as its last request asked
    std::uint64_t uses = 0;
    std::chrono::microseconds reload_time{};
    std::vector<device_bytes> least_working; ///< kept so that it can always do one picture
    std::vector<device_bytes> coming;        ///< what its leaving frees

    bool leaving_for_good() const { return leaving && leaving_to == tier::absent; }
  };

  // -- what happens -----------------------------------------------------------------------------------------

  /// Memory for it was reserved in the ledger.
  void granted(const load_claim& claim, const load_grant& grant, time_point now);

  /// It is in a tier now. Whether the ledger has room for it is the caller's matter.
  void settled(const load_result& x, time_point now);

  void used(const usage_record& x, time_point now);

  /// What is known of it from earlier.
  void set_history(const model_key& who, std::uint64_t uses, std::chrono::microseconds reload_time);

  /// It is out of memory.
  void gone(const model_key& who);

  /// It is told to make this step. What the lower tier needs is set aside; where there is no room for that
  /// after all, the step becomes one out of memory.
  void step_started(eviction_step& x);

  /// It has answered. If it has not made the step, it is left alone: until it is idle, if it is busy, else
  /// for a second.
  void step_ended(const eviction_step& x, bool done, time_point now);

  /// It waits for room in a higher tier, or does so no longer.
  void climbing(const model_key& who, bool waits);

  void pin(const model_key& who, bool pinned);
  bool pinned(const model_key& who) const { return pins_.contains(who); }

  /// Memory of a device is short: models do not come down to it.
  void set_pressure(const std::string& device, pressure level) { pressure_[device] = level; }
  pressure pressure_of(const std::string& device) const;

  // -- decisions --------------------------------------------------------------------------------------------

  struct room {
    std::vector<eviction_step> steps;
    bool enough = false;             ///< together they free what is missing
    std::optional<time_point> later; ///< when more models may go
  };

  /// What should go so that so many bytes more come free, beside those of whom it is `decided` already. `who`
  /// does not count, it is whom the room is for.
  room make_room(const model_key& who, const std::vector<device_bytes>& missing, urgency how, time_point now,
                 const std::vector<eviction_step>& decided = {}) const;

  /// What should go so that so many models of a service fewer are in memory.
  room make_places(const model_key& who, std::uint32_t missing, urgency how, time_point now) const;

  /// What has been idle for too long. `timeouts`: instead of what each model has.
  std::vector<eviction_step> idle_too_long(time_point now, const idle_timeouts* timeouts = nullptr) const;

  /// When the next model will have been idle for too long.
  std::optional<time_point> next_idle() const;

  /// The step that takes a model out of memory, for whoever asked for that; none if it is not in memory.
  std::optional<eviction_step> step_out(const model_key& who) const;

  // -- properties -------------------------------------------------------------------------------------------

  const model* find(const model_key& who) const;
  const std::map<model_key, model>& models() const { return models_; }
  std::uint64_t coming(const std::string& device) const; ///< bytes that models who are leaving will free
  std::uint64_t held_by_pins(const std::string& device, const model_key& but) const;
  std::uint32_t places_taken(const model_key& but) const;   ///< in its service
  std::uint32_t places_leaving(const model_key& but) const; ///< of these
  unsigned loading() const;
  std::string_view policy() const { return policy_->name(); }

private:
  using entry = std::pair<const model_key, model>;

  static bool idle(const model& x) { return !x.leased && !x.leaving && !x.loading && x.tier != tier::absent; }

  bool may_go(const entry& x, urgency how, time_point now) const;
  time_point free_to_go(const model& x) const;
  std::uint64_t spare_working(const entry& x, const std::string& device) const;
  bool has_room_below(const entry& x, tier to) const;
  eviction_step step_of(const entry& x, bool altogether) const;
  eviction_step trim_of(const entry& x) const;
  bool free_on(const device_bytes& missing, const std::vector<const entry*>& candidates, const model_key& but,
               bool altogether, time_point now, std::vector<eviction_step>& steps) const;
  bool choose(const std::vector<const entry*>& among, const device_bytes& missing, bool altogether,
              const std::vector<eviction_step>& trims, time_point now,
              std::vector<eviction_step>& steps) const;
  std::optional<std::pair<time_point, tier>> due(const entry& x, const idle_timeouts* timeouts) const;

  ledger& book_;
  std::unique_ptr<eviction_policy> policy_;
  residency_options options_;
  std::map<model_key, model> models_;
  std::set<model_key> pins_;
  std::map<std::string, pressure> pressure_;
};

} // namespace vef
