#pragma once

#include <vef/actors/clock.hpp>
#include <vef/actors/gather.hpp>
#include <vef/actors/restart_policy.hpp>
#include <vef/actors/service.hpp>
#include <vef/actors/tell.hpp>

#include <caf/stateful_actor.hpp>

#include <set>

namespace vef {

// Its own messages: the backend has judged itself; it had long enough for that.
using service_self = extended<service_actor, void(checked_atom), void(expire_atom)>;

/// The state of a service's actor. Requests and models are in service.cpp, health and changes of the catalog in
/// service_check.cpp.
class service_machine {
public:
  using interface = service_self;
  static inline const char* name = "vef.service";

  explicit service_machine(interface::pointer self)
      : self_(self) {}
  ~service_machine() { give_away(); }

  interface::behavior_type make_behavior(service_setup setup);

private:
  // -- requests (service.cpp) -------------------------------------------------------------------------------
  caf::result<embed_reply> embed(embed_request request);
  caf::result<model_status> load(const std::string& id);
  caf::result<std::vector<unload_report>> unload(const std::string& id, unload_mode mode);
  caf::result<load_plan> plan(const std::string& id);
  caf::result<void> pin(const std::string& id, bool pinned);
  std::vector<catalog_entry> catalog() const;
  caf::result<service_status> status();

  // -- models -----------------------------------------------------------------------------------------------
  const model_info* find(const std::string& id) const;
  result<model_actor> model(const std::string& wanted);
  std::string id_of(const model_actor& handle) const;
  void on_model(const model_status& x);
  void on_model_died(const caf::down_msg& msg);
  void on_governor(const caf::strong_actor_ptr& x);

  // -- health (service_check.cpp) ---------------------------------------------------------------------------
  struct check_round;
  struct backend_check;
  caf::result<check_report> check(const check_request& x);
  void ask_backend(const std::shared_ptr<check_round>& round, std::chrono::milliseconds patience);
  void on_checked();
  void on_check_late();
  void ask_models(const std::shared_ptr<check_round>& round, const check_request& x);
  static void close(const std::shared_ptr<check_round>& round);
  void change_catalog(std::vector<model_info> now);
  void retire(const std::string& id);

  // -- the end ----------------------------------------------------------------------------------------------
  caf::result<std::vector<unload_report>> drain(std::chrono::milliseconds limit);
  void unload_each(const std::vector<model_actor>& targets, unload_mode mode, std::chrono::milliseconds limit,
                   promise<std::vector<unload_report>> reply);
  void stop(const caf::error& reason);
  void give_away();

  // -- small things -----------------------------------------------------------------------------------------
  idle_timeouts idle() const { return setup_.spec.idle.value_or(setup_.idle); }
  error unknown_id(const std::string& id) const;
  error refusal() const;

  static constexpr std::chrono::milliseconds status_timeout{2000};

  interface::pointer self_;
  service_setup setup_;
  std::vector<std::string> ids_; // of the catalog, the default one first
  std::map<std::string, model_actor> models_;
  std::set<std::string> loaded_; // models in memory
  std::set<std::string> pinned_;
  restart_policy deaths_;                                    // of models
  std::shared_ptr<backend_check> checking_;                  // the backend is judging itself
  std::vector<std::shared_ptr<check_round>> waiting_checks_; // for its judgement
  bool catalog_is_new_ = false; // and no report has told so
  bool draining_ = false;
  bool stopping_ = false;
};

} // namespace vef
