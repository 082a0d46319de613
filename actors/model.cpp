#include <vef/actors/model.hpp>

#include <vef/actors/memory.hpp>
#include <vef/actors/model_jobs.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using std::chrono::milliseconds;

// Its own messages: a job is done, by number; look for expired requests.
using model_self =
    extended<model_actor, void(prepared_atom, std::uint64_t), void(embedded_atom, std::uint64_t),
             void(loaded_atom), void(unloaded_atom), void(expire_atom)>;

template <class T> using promise = caf::typed_response_promise<T>;

class model_state_machine {
public:
  using interface = model_self;
  static inline const char* name = "vef.model";

  explicit model_state_machine(interface::pointer self)
      : self_(self) {}
  ~model_state_machine() { give_away(std::move(model_)); }

  interface::behavior_type make_behavior(model_setup setup) {
    setup_ = std::move(setup);
    queue_.emplace(setup_.service, setup_.info, setup_.options.queue);
    status_.service = setup_.service;
    status_.model = setup_.info.id;
    self_->set_exit_handler([this](caf::exit_msg& msg) { stop(msg.reason); });
    self_->set_down_handler(
        [this](caf::down_msg& msg) { stop(msg.reason); }); // of the service: nobody outlives it
    self_->monitor(setup_.owner);
    return {
        [this](embed_atom, embed_request& request) { return embed(std::move(request)); },
        [this](load_atom) { return load(); },
        [this](unload_atom, unload_mode mode) { return unload(mode); },
        [this](status_atom) { return status(); },
        [this](prepared_atom, std::uint64_t id) { on_prepared(id); },
        [this](embedded_atom, std::uint64_t id) { on_embedded(id); },
        [this](loaded_atom) { on_loaded(); },
        [this](unloaded_atom) { on_unloaded(); },
        [this](expire_atom) { on_expire(); },
    };
  }

private:
  // -- requests ---------------------------------------------------------------------------------------------

  caf::result<embed_reply> embed(embed_request request) {
    auto now = self_->clock().now();
    auto allowed = request.time_allowed.value_or(setup_.options.time_allowed);
    auto id = queue_->admit(std::move(request), now, now + allowed);
    if (!id) return to_caf(id.error());
    ++status_.requests;
    status_.last_used = wall_clock();
    auto reply = self_->make_response_promise<embed_reply>();
    replies_.emplace(*id, reply);
    arm_expiry();
    load_if_absent();
    pump();
    return reply;
  }

  caf::result<model_status> load() {
    if (status_.state == model_state::ready) return status();
    auto reply = self_->make_response_promise<model_status>();
    waiting_for_load_.push_back(reply);
    load_if_absent();
    return reply;
  }

  caf::result<unload_report> unload(unload_mode mode) {
    auto busy = !queue_->empty() || status_.state == model_state::loading;
    if (is_absent() && !busy) return report({});
    if (mode == unload_mode::if_idle && busy) {
      auto waiting = std::to_string(queue_->images()) + " pictures under way";
      return report({errc::in_use, "model " + quoted(setup_.info.id) + " has "
                                       + (status_.state == model_state::loading ? "a load" : waiting)});
    }
    auto reply = self_->make_response_promise<unload_report>();
    waiting_for_unload_.push_back(reply);
    if (waiting_for_unload_.size() == 1) queue_->hold_new();
    if (status_.state == model_state::ready) set_state(model_state::draining);
    unload_if_drained();
    return reply;
  }

  model_status status() const {
    auto x = status_;
    x.queued = static_cast<std::uint32_t>(queue_->images());
    return x;
  }

  // -- work: pictures to preparers, batches to lanes, vectors to whoever asked ------------------------------

  void pump() {
    auto serving = model_ && !unloading_;
    if (auto lone = serving ? queue_->next_lone() : std::nullopt)
      start(std::move(lone->work), prepare_job{std::move(lone->task), setup_.options.decode});
    while (auto task = queue_->next_to_prepare()) start(std::move(*task));
    // One batch per lane, and one more that is full, so that a lane finds work when it is done.
    auto most = std::min(setup_.work.lanes->width(), serving ? model_->concurrency() : 0u);
    while (serving
           && (embedding_.size() < most || (embedding_.size() == most && queue_->full_batch_ready()))) {
      auto batch = queue_->next_batch();
      if (!batch) break;
      start(std::move(*batch));
    }
    for (auto& done : queue_->take_finished(self_->clock().now())) answer(done);
    unload_if_drained();
  }

  void start(batch_queue::prepare_task task) {
    auto job = std::make_shared<prepare_job>();
    job->task = std::move(task);
    job->limits = setup_.options.decode;
    auto id = next_job_++;
    preparing_.emplace(id, job);
    setup_.work.preparers->submit([job, id, self = handle()](unsigned) {
      job->run();
      caf::anon_send(self, prepared_atom_v, id);
    });
  }

  void start(batch_queue::batch batch, std::optional<prepare_job> first = {}) {
    auto job = std::make_shared<embed_job>();
    job->model = model_;
    job->first = std::move(first);
    job->batch = std::move(batch);
    auto id = next_job_++;
    embedding_.emplace(id, job);
    setup_.work.lanes->submit([job, id, self = handle()](unsigned threads) {
      job->run(threads);
      caf::anon_send(self, embedded_atom_v, id);
    });
  }

  void on_prepared(std::uint64_t id) {
    auto job = preparing_.extract(id).mapped();
    queue_->prepared(job->task.where, std::move(job->picture), job->took);
    pump();
  }

  void on_embedded(std::uint64_t id) {
    auto job = embedding_.extract(id).mapped();
    ++status_.batches;
    queue_->embedded(job->batch.id, job->outcomes, job->took,
                     job->first ? job->first->took : std::chrono::microseconds{});
    pump();
  }

  void answer(batch_queue::finished& done) {
    auto failed =
        static_cast<std::uint64_t>(std::ranges::count_if(done.reply.outcomes, &error::operator bool));
    status_.failures += failed;
    status_.images += done.reply.outcomes.size() - failed;
    status_.last_used = wall_clock();
    if (auto reply = replies_.extract(done.request)) reply.mapped().deliver(std::move(done.reply));
  }

  void fail_requests(const error& why) {
    for (auto id : queue_->abandon())
      if (auto reply = replies_.extract(id)) reply.mapped().deliver(to_caf(why));
  }

  // -- deadlines --------------------------------------------------------------------------------------------

  // Timers can't be cancelled: one is pending for the nearest deadline, and a nearer one adds another.
  void arm_expiry() {
    auto next = queue_->next_deadline();
    if (!next || (armed_for_ && *armed_for_ <= *next)) return;
    armed_for_ = *next;
    auto pause = std::max(caf::actor_clock::duration_type{0}, *next - self_->clock().now());
    self_->delayed_send(self_, pause, expire_atom_v);
  }

  void on_expire() {
    armed_for_.reset();
    queue_->expire(self_->clock().now());
    arm_expiry();
    pump();
  }

  // -- loading ----------------------------------------------------------------------------------------------

  bool is_absent() const {
    return status_.state == model_state::absent || status_.state == model_state::failed;
  }

  // Asks the service for a place and the governor for memory, then a worker for the load.
  void load_if_absent() {
    if (!is_absent() || unloading_) return;
    set_state(model_state::loading);
    status_.bytes_estimated = setup_.info.memory_estimate;
    auto life = ++load_;
    self_->request(setup_.owner, setup_.options.admission_timeout, reserve_atom_v, setup_.info.id)
        .then(
            [this, life] {
              if (life == load_) reserve();
            },
            [this, life](caf::error& why) {
              if (life == load_) on_load_failed(from_caf(why));
            });
  }

  void reserve() {
    self_
        ->request(setup_.governor, setup_.options.admission_timeout, reserve_atom_v,
                  claim(status_.bytes_estimated), public_handle())
        .then(
            [this, life = load_] {
              if (life == load_) start_load();
            },
            [this, life = load_](caf::error& why) {
              if (life == load_) on_load_failed(from_caf(why));
            });
  }

  void start_load() {
    status_.bytes = status_.bytes_estimated;
    loading_ = std::make_shared<load_job>();
    loading_->source = setup_.source;
    loading_->info = setup_.info;
    setup_.work.loaders->submit([job = loading_, self = handle()](unsigned threads) {
      job->run(threads);
      caf::anon_send(self, loaded_atom_v);
    });
  }

  void on_loaded() {
    auto job = std::exchange(loading_, nullptr);
    status_.load_time = job->took;
    if (!job->model) return on_load_failed(job->model.error());
    model_ = std::move(*job->model);
    self_->request(setup_.governor, setup_.options.admission_timeout, settle_atom_v, claim(job->bytes))
        .then([this, bytes = job->bytes] { on_ready(bytes); },
              [this](caf::error& why) {
                give_away(std::move(model_));
                on_load_failed(from_caf(why));
              });
  }

  void on_ready(std::uint64_t bytes) {
    ++status_.loads;
    status_.bytes = bytes;
    status_.tier = model_->tier();
    status_.loaded_at = wall_clock();
    status_.last_error = {};
    spdlog::info("loaded {}/{} in {} ms: {} ({} estimated)", setup_.service, setup_.info.id,
                 status_.load_time.count() / 1000, format_bytes(bytes),
                 format_bytes(status_.bytes_estimated));
    set_state(waiting_for_unload_.empty() ? model_state::ready : model_state::draining);
    queue_->loaded(self_->clock().now());
    for (auto& reply : std::exchange(waiting_for_load_, {})) reply.deliver(status());
    pump();
  }

  void on_load_failed(error why) {
    spdlog::info("loading {}/{} failed: {}", setup_.service, setup_.info.id, describe(why));
    become_absent(model_state::failed);
    status_.last_error = why;
    for (auto& reply : std::exchange(waiting_for_load_, {})) reply.deliver(to_caf(why));
    for (auto& reply : std::exchange(waiting_for_unload_, {})) reply.deliver(report({}));
    queue_->release();
    fail_requests(why);
  }

  // -- unloading --------------------------------------------------------------------------------------------

  void unload_if_drained() {
    if (waiting_for_unload_.empty() || unloading_ || !model_ || status_.state != model_state::draining)
      return;
    if (!queue_->drained() || !embedding_.empty()) return;
    unloading_ = std::make_shared<unload_job>();
    unloading_->model = std::move(model_);
    model_ = nullptr;
    setup_.work.loaders->submit([job = unloading_, self = handle()](unsigned) {
      job->run();
      caf::anon_send(self, unloaded_atom_v);
    });
  }

  void on_unloaded() {
    auto job = std::exchange(unloading_, nullptr);
    auto done = report({});
    done.bytes_expected = status_.bytes;
    done.bytes_returned = job->bytes_returned;
    done.took = job->took;
    spdlog::info("unloaded {}/{} in {} ms: {} of {} came back", setup_.service, setup_.info.id,
                 job->took.count() / 1000, format_bytes(job->bytes_returned), format_bytes(status_.bytes));
    become_absent(model_state::absent);
    for (auto& reply : std::exchange(waiting_for_unload_, {})) reply.deliver(done);
    queue_->release();
    if (!queue_->empty() || !waiting_for_load_.empty()) load_if_absent(); // somebody asked while it went
    pump();
  }

  void become_absent(model_state state) {
    set_state(state);
    status_.bytes = 0;
    status_.tier = tier::absent;
    self_->send(setup_.governor, release_atom_v, claim(0));
    self_->send(setup_.owner, release_atom_v, setup_.info.id);
  }

  // -- the end ----------------------------------------------------------------------------------------------

  void stop(const caf::error& reason) {
    error why{errc::shutting_down, "service " + quoted(setup_.service) + " is being stopped"};
    fail_requests(why);
    for (auto& reply : std::exchange(waiting_for_load_, {})) reply.deliver(to_caf(why));
    for (auto& reply : std::exchange(waiting_for_unload_, {})) reply.deliver(to_caf(why));
    self_->send(setup_.governor, release_atom_v, claim(0));
    self_->quit(reason);
  }

  // Freeing a model takes time: not on a scheduler thread.
  void give_away(std::shared_ptr<loaded_model> model) {
    if (model) setup_.work.loaders->submit([held = std::move(model)](unsigned) mutable {});
  }

  // -- small things -----------------------------------------------------------------------------------------

  void set_state(model_state state) { status_.state = state; }

  unload_report report(error outcome) const {
    return {setup_.service, setup_.info.id, std::move(outcome), 0, 0, {}};
  }

  memory_claim claim(std::uint64_t bytes) const { return {setup_.service, setup_.info.id, "host", bytes}; }

  interface handle() const {
    return caf::actor_cast<interface>(self_);
  }
  model_actor public_handle() const { return caf::actor_cast<model_actor>(self_); }

  static timestamp wall_clock() {
    return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
  }

  interface::pointer self_;
  model_setup setup_;
  model_status status_;
  std::optional<batch_queue> queue_;
  std::shared_ptr<loaded_model> model_; // while ready or draining

  std::map<batch_queue::request_id, promise<embed_reply>> replies_;
  std::vector<promise<model_status>> waiting_for_load_;
  std::vector<promise<unload_report>> waiting_for_unload_;

  std::map<std::uint64_t, std::shared_ptr<prepare_job>> preparing_;
  std::map<std::uint64_t, std::shared_ptr<embed_job>> embedding_;
  std::shared_ptr<load_job> loading_;
  std::shared_ptr<unload_job> unloading_;
  std::uint64_t next_job_ = 1;
  std::uint64_t load_ = 0; // counts loads, so that late answers are told from current ones
  std::optional<batch_queue::time_point> armed_for_;
};

} // namespace

model_actor spawn_model(caf::actor_system& system, model_setup setup) {
  return spawn_state<model_state_machine>(system, std::move(setup));
}

} // namespace vef
