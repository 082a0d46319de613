#pragma once

#include <vef/actors/clock.hpp>
#include <vef/actors/model.hpp>
#include <vef/actors/model_jobs.hpp>
#include <vef/actors/tell.hpp>
#include <vef/actors/working_memory.hpp>

#include <caf/stateful_actor.hpp>

namespace vef {

// Its own messages: a job is done, by number; look for expired requests, and for work that is stuck.
using model_self =
    extended<model_actor, void(prepared_atom, std::uint64_t), void(embedded_atom, std::uint64_t),
             void(loaded_atom), void(moved_atom), void(trimmed_atom), void(expire_atom), void(watch_atom)>;

/// The state of a model's actor. Requests and their work are in model.cpp, the memory that it needs is in
/// model_memory.cpp, its way into memory in model_load.cpp and between tiers in model_tiers.cpp, how it is
/// watched in model_watch.cpp.
class model_machine {
public:
  using interface = model_self;
  static inline const char* name = "vef.model";

  explicit model_machine(interface::pointer self)
      : self_(self) {}
  ~model_machine() { give_away(std::move(model_)); }

  interface::behavior_type make_behavior(model_setup setup);

private:
  // -- requests and their work (model.cpp) ------------------------------------------------------------------
  caf::result<embed_reply> embed(embed_request request);
  model_status status() const;
  void pump();
  void start(batch_queue::prepare_task task);
  void start(batch_queue::batch batch, std::optional<prepare_job> first = {});
  void on_prepared(std::uint64_t id);
  void on_embedded(std::uint64_t id);
  void answer(batch_queue::finished& done);
  void fail_requests(const error& why);
  void arm_expiry();
  void on_expire();
  void stop(const caf::error& reason);
  void answer_everybody(const error& why);

  // -- health, work that is stuck, another governor (model_watch.cpp) ---------------------------------------
  caf::result<void> probe(std::chrono::milliseconds allowed);
  void arm_watch();
  void on_watch();
  bool give_up_if_stuck(executor& where, executor::job_id job, std::chrono::milliseconds limit,
                        const char* what);
  void strand(executor::job_id job);
  void end(const error& why);
  void add_health(model_status& x) const;
  std::chrono::milliseconds oldest_running() const;
  void on_governor(const caf::strong_actor_ptr& x);
  void tell_owner();

  // -- memory for forward passes, and what the governor hears of use (model_memory.cpp) ---------------------
  bool fit_next_batch();
  void ask_for_growth(std::uint64_t bytes);
  void on_growth(std::uint64_t wanted, std::uint64_t granted);
  std::uint64_t working_in_use() const;
  void learn(const embed_job& job);
  caf::result<unload_report> trim();
  void on_trimmed();
  void on_pressure(pressure level);
  void tell_use(bool in_any_case = false);

  // -- between tiers (model_tiers.cpp) ----------------------------------------------------------------------
  caf::result<model_status> load();
  caf::result<unload_report> leave(tier to, unload_mode mode);
  void wake();
  void ask_for_room(tier to, bool optional);
  void on_room(tier to, load_grant grant);
  void on_no_room(tier to, const error& why);
  void start_load(tier to);
  void on_loaded();
  void on_settled(const load_result& x);
  void on_too_large(const error& why);
  void on_load_failed(error why);
  void move_if_possible();
  void start_move(tier to);
  void on_moved();
  void on_climbed(const move_job& job);
  void on_left(const move_job& job);
  void settle_move(const move_job& job);
  void hold(const load_result& x);
  void become_absent(model_state state);
  void answer_loads();
  void fail_loads(const error& why);
  void answer_departures(const error& why);
  load_result result_of(tier in, model_memory measured, std::chrono::microseconds took) const;

  // -- small things -----------------------------------------------------------------------------------------
  bool is_absent() const {
    return status_.state == model_state::absent || status_.state == model_state::failed;
  }
  bool serving() const;
  bool moves_aside() const;
  bool busy() const { return queue_->requests() > probes_.size(); } // with requests of clients
  void set_state(model_state state);
  unload_report report(error outcome) const;
  model_key key() const { return {setup_.service, setup_.info.id}; }
  caf::weak_actor_ptr handle() const { return caf::actor_cast<caf::weak_actor_ptr>(self_); }
  void give_away(std::shared_ptr<loaded_model> model);

  struct departure {
    tier to = tier::absent;
    promise<unload_report> reply;
  };

  interface::pointer self_;
  model_setup setup_;
  std::vector<tier_need> ladder_;
  model_status status_;
  std::optional<batch_queue> queue_;
  std::shared_ptr<loaded_model> model_; // while in memory

  std::map<batch_queue::request_id, promise<embed_reply>> replies_;
  std::vector<promise<model_status>> waiting_for_load_;
  std::vector<departure> departures_;

  /// A job that a worker has, and its number there.
  template <class Job> struct handed_out {
    std::shared_ptr<Job> job;
    executor::job_id number = 0;
    std::size_t pictures = 1;
    explicit operator bool() const { return job != nullptr; }
  };

  std::map<std::uint64_t, handed_out<prepare_job>> preparing_;
  std::map<std::uint64_t, handed_out<embed_job>> embedding_;
  std::map<std::uint64_t, std::uint64_t> needs_; // working memory of `embedding_`, by job
  handed_out<load_job> loading_;
  handed_out<move_job> moving_;
  handed_out<trim_job> trimming_;
  std::shared_ptr<last_words> words_; // of what is in memory
  std::vector<promise<unload_report>> waiting_for_trim_;
  std::optional<tier> climbing_; // asked the governor for room in this tier
  std::optional<tier> room_in_;  // and has it; waits for the forward passes under way
  bool climb_is_optional_ = false;
  std::optional<load_result> settling_; // told the governor, who has not answered
  bool governor_is_gone_ = false;
  std::uint64_t next_job_ = 1;
  std::uint64_t life_ =
      0; // counts what was asked of the governor, so that late answers are told from current ones
  bool tried_again_ = false; // a load that turned out too large was begun anew with the measured size
  std::optional<batch_queue::time_point> armed_for_;
  bool watching_ = false;
  batch_queue::time_point progress_at_; // something was done for a request
  std::map<batch_queue::request_id, promise<void>> probes_;
  timestamp state_since_;
  model_memory held_; // as the governor was told

  working_memory working_;
  std::uint64_t working_granted_ = 0;
  std::uint64_t working_least_ = 0; // for one picture: never given back while the model is loaded
  bool growth_asked_ = false;
  batch_queue::time_point no_growth_before_;
  static constexpr std::size_t pictures_in_limit = 32; // a larger batch may take longer in proportion
  static constexpr auto any_batch = static_cast<std::size_t>(-1);
  std::size_t pressed_batch_ = any_batch; // batches are no larger while memory is critically short
  std::uint64_t images_in_tier_ = 0;

  usage_record use_; // since the governor heard last
  bool told_leased_ = false;
  batch_queue::time_point told_at_;
};

} // namespace vef
