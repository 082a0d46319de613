#pragma once

#include <vef/actors/clock.hpp>
#include <vef/supervisor/health_state.hpp>
#include <vef/supervisor/roster.hpp>
#include <vef/supervisor/supervisor.hpp>

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>

#include <random>
#include <set>

namespace vef {

// Its own messages: a backend was made; a start has taken long enough; it is time for a check of a service's
// health; it is time to start again what died; a model has come into memory or gone. The numbers tell the
// lives of a service apart.
using supervisor_self =
    extended<supervisor_actor, void(made_atom, std::string, std::uint64_t),
             void(expire_atom, std::string, std::uint64_t), void(check_atom, std::string, std::uint64_t),
             void(watch_atom), void(event_atom, model_status)>;

/// Makes a backend and asks for its catalog, away from the scheduler.
struct make_job {
  std::shared_ptr<const backend_types> types;
  capability_sources capabilities;
  service_spec spec;
  result<void> capable = {};
  result<std::shared_ptr<backend>> source;
  std::vector<model_info> catalog;
  std::vector<device_reading> devices;

  void run();
};

/// The supervisor's state. What is asked for is in supervisor.cpp, starts are in supervisor_start.cpp, health
/// and deaths in supervisor_watch.cpp, the end in supervisor_end.cpp.
class supervisor_machine {
public:
  using interface = supervisor_self;
  static inline const char* name = "vef.supervisor";

  explicit supervisor_machine(interface::pointer self)
      : self_(self) {}
  ~supervisor_machine();

  interface::behavior_type make_behavior(supervisor_setup setup);

private:
  using reports = std::vector<unload_report>;
  using drained = std::function<void(const reports&)>;

  /// What there is of a service beside its entry in the roster.
  struct child {
    service_actor handle;
    std::uint64_t life = 0; ///< counts its starts
    std::shared_ptr<make_job> making;
    executor::job_id making_number = 0;
    service_status status;
    std::optional<health_state> watch;
    health_state::verdict judged; ///< by the last check
    bool checking = false;
    std::vector<device_reading> devices;
    std::set<std::string> loaded;                 ///< models in memory
    std::vector<promise<service_status>> waiting; ///< for its start
    std::vector<drained> after_drain;             ///< it is being drained while there are any
  };

  // -- what is asked for (supervisor.cpp) -------------------------------------------------------------------
  caf::result<service_status> create(service_spec spec);
  caf::result<service_status> start_again(const std::string& service, result<void> allowed);
  caf::result<reports> stop(const std::string& service);
  caf::result<reports> remove(const std::string& service);
  caf::result<node_status> status();
  void add_memory(const std::shared_ptr<node_status>& x, promise<node_status> reply);
  std::vector<worker_status> worker_statuses() const;
  health_report health_of_node();
  void publish(const std::string& service);
  void publish_with_dependants(const std::string& service);
  void tell_of_dependencies(child& x);
  void set_health(child& x, health state, std::string reason);
  child& child_of(const std::string& service) { return children_.at(service); }

  // -- starting (supervisor_start.cpp) ----------------------------------------------------------------------
  void advance();
  void start(const std::string& service);
  void on_made(const std::string& service, std::uint64_t life);
  void start_process(const std::string& service);
  void on_start_late(const std::string& service, std::uint64_t life);
  void on_runs(const std::string& service, const std::string& default_model);
  void on_start_failed(const std::string& service, const error& why);
  void load_again(const std::string& service);
  void tell_waiting(child& x, const error& why);
  caf::result<void> settle();
  void tell_settled();
  void fail_blocked();

  // -- watching (supervisor_watch.cpp) ----------------------------------------------------------------------
  void arm_check(const std::string& service);
  void check(const std::string& service, std::uint64_t life);
  void on_verdict(const std::string& service, const health_state::verdict& x);
  void let_go(child& x, caf::exit_reason how);
  void abandon(const std::string& service, const error& why);
  void lost(const std::string& service, const error& why);
  void on_down(const caf::down_msg& msg);
  void arm_restarts();
  void on_restart_time();
  void spawn_registry_again();
  void spawn_governor_again();
  void spawn_monitor_again();
  void tell_devices();
  /// One of the three that serve all.
  struct attendant {
    restart_policy restarts;
    std::optional<caf::actor_clock::time_point> back_at; ///< while it is gone
    error why = {};
  };
  void lose(attendant& x, const char* what, const error& why);
  bool is_back(attendant& x);

  // -- the end (supervisor_end.cpp) -------------------------------------------------------------------------
  void drain(const std::string& service, std::chrono::milliseconds limit, drained then);
  void on_drained(const std::string& service, const reports& done);
  caf::result<void> shutdown(std::chrono::milliseconds limit);
  void log_work_under_way();
  void stop_last();
  void end(const caf::error& reason);
  void end_those_watched();

  std::uint64_t seed() const { return setup_.options.seed ? setup_.options.seed : std::random_device{}(); }
  error refusal() const { return {errc::shutting_down, "the node is being stopped"}; }
  caf::actor_clock::time_point now() const { return self_->clock().now(); }

  static constexpr std::chrono::milliseconds status_timeout{5000};
  static constexpr std::chrono::milliseconds stop_limit{60000};
  static constexpr std::chrono::milliseconds overtime{1000}; ///< that a shutdown may take beyond its limit

  interface::pointer self_;
  supervisor_setup setup_;
  registry_actor registry_;
  governor_actor governor_;
  monitor_actor monitor_;
  std::shared_ptr<device_sources> devices_ = std::make_shared<device_sources>();
  attendant registry_care_, governor_care_, monitor_care_;
  timestamp started_at_;
  health_report health_;
  roster roster_;
  std::map<std::string, child> children_;
  std::vector<promise<void>> shutdown_replies_;
  std::vector<promise<void>> waiting_for_all_;
  caf::actor_clock::time_point deadline_;
  std::optional<caf::actor_clock::time_point> armed_for_;
  bool stopping_ = false;
};

} // namespace vef
