#pragma once

#include <vef/actors/clock.hpp>
#include <vef/actors/gather.hpp>
#include <vef/actors/governor.hpp>
#include <vef/actors/usage_book.hpp>

#include <caf/stateful_actor.hpp>

#include <deque>

namespace vef {

// Its own message: look at what time has changed.
using governor_self = extended<governor_actor, void(expire_atom)>;

/// The governor's state. What comes in is in governor.cpp, who goes and why in governor_evict.cpp.
class governor_machine {
public:
  using interface = governor_self;
  static inline const char* name = "vef.governor";

  explicit governor_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(governor_options options, std::shared_ptr<executor> files);

private:
  using time_point = residency::time_point;
  using reports = std::vector<unload_report>;
  using on_report = std::function<void(unload_report)>;

  // -- models come and tell of themselves -------------------------------------------------------------------
  caf::result<load_grant> reserve(load_claim claim, const model_actor& model);
  caf::result<void> settle(const load_result& x);
  std::uint64_t grow(const model_key& who, const device_bytes& wanted);
  void use(const usage_record& x);
  void release(const model_key& who);
  void adopt(const load_claim& claim, const load_result& x, const model_actor& model);
  void strand(const model_key& who, const model_key& as);
  void on_model_died(const caf::down_msg& msg);
  load_plan plan(const load_claim& claim) const;

  // -- models go --------------------------------------------------------------------------------------------
  void begin(eviction_step step, unload_mode mode, on_report then = {});
  void take(eviction_step step, unload_mode mode, on_report then = {});
  void on_step_done(const eviction_step& step, unload_report report, const on_report& then);
  caf::result<reports> unload(const unload_request& request);
  caf::result<reports> unload(const pressure_request& request);
  caf::result<reports> unload(const idle_timeouts& limits);
  caf::result<reports> take_all(std::vector<eviction_step> steps);
  void on_readings(const std::vector<device_reading>& readings);
  void on_pressure(const device_reading& x);
  void evict_too_large(const load_result& x);
  void evict_for_pressure(const std::string& device, std::uint64_t bytes, const std::string& why);

  // -- time and files ---------------------------------------------------------------------------------------
  void look();
  void arm(std::optional<time_point> next);
  void on_timer();
  void open_books();
  void save_books(bool at_the_end);

  memory_status status() const;
  time_point now() const { return self_->clock().now(); }

  interface::pointer self_;
  governor_options options_;
  std::shared_ptr<executor> files_;
  ledger ledger_;
  std::optional<residency> models_;
  std::optional<admission> admission_;
  usage_book books_;
  bool books_changed_ = false;
  time_point saved_at_;
  std::map<std::string, pressure_gauge> gauges_;
  std::map<model_key, model_actor> handles_;
  std::optional<time_point> adopting_until_; // no load is granted before
  std::map<admission::ticket, promise<load_grant>> waiting_;
  std::optional<time_point> armed_for_;
  std::deque<unload_report> recent_;
  std::uint64_t granted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t evicted_ = 0;
};

} // namespace vef
