#include <vef/actors/model_machine.hpp>

#include <vef/actors/ladder.hpp>

#include <caf/exit_reason.hpp>

#include <algorithm>

namespace vef {

model_machine::interface::behavior_type model_machine::make_behavior(model_setup setup) {
  setup_ = std::move(setup);
  ladder_ = ladder_of(setup_.info);
  working_ = working_memory{setup_.info.working_estimate};
  queue_.emplace(setup_.service, setup_.info, setup_.options.queue);
  status_.service = setup_.service;
  status_.model = setup_.info.id;
  use_.who = key();
  state_since_ = wall_clock();
  self_->set_exit_handler([this](caf::exit_msg& msg) { stop(msg.reason); });
  self_->set_down_handler(
      [this](caf::down_msg& msg) { stop(msg.reason); }); // of the service: nobody outlives it
  self_->monitor(setup_.owner);
  return {
      [this](embed_atom, embed_request& request) { return embed(std::move(request)); },
      [this](load_atom) { return load(); },
      [this](unload_atom, unload_mode mode) { return leave(tier::absent, mode); },
      [this](demote_atom, tier to, unload_mode mode) { return leave(to, mode); },
      [this](trim_atom) { return trim(); },
      [this](pressure_atom, pressure level) { on_pressure(level); },
      [this](probe_atom, std::chrono::milliseconds allowed) { return probe(allowed); },
      [this](put_atom, const caf::strong_actor_ptr& governor) { on_governor(governor); },
      [this](status_atom) { return status(); },
      [this](prepared_atom, std::uint64_t id) { on_prepared(id); },
      [this](embedded_atom, std::uint64_t id) { on_embedded(id); },
      [this](loaded_atom) { on_loaded(); },
      [this](moved_atom) { on_moved(); },
      [this](trimmed_atom) { on_trimmed(); },
      [this](expire_atom) { on_expire(); },
      [this](watch_atom) { on_watch(); },
  };
}

// -- requests -----------------------------------------------------------------------------------------------

caf::result<embed_reply> model_machine::embed(embed_request request) {
  auto now = self_->clock().now();
  auto allowed = request.time_allowed.value_or(setup_.options.time_allowed);
  auto keep_alive = request.keep_alive;
  if (keep_alive && keep_alive->count() < 0)
    return to_caf(error{errc::invalid_argument, "a keep-alive can't be negative"});
  if (queue_->empty()) progress_at_ = now;
  auto id = queue_->admit(std::move(request), now, now + allowed);
  if (!id) return to_caf(id.error());
  ++status_.requests;
  ++use_.requests;
  if (keep_alive) use_.keep_alive = keep_alive;
  status_.last_used = wall_clock();
  promise<embed_reply> reply{self_};
  replies_.emplace(*id, reply);
  arm_expiry();
  wake();
  pump();
  return reply;
}

model_status model_machine::status() const {
  auto x = status_;
  x.queued = static_cast<std::uint32_t>(queue_->images());
  if (model_) x.working_bytes = working_granted_;
  add_health(x);
  return x;
}

void model_machine::set_state(model_state state) {
  if (status_.state != state) state_since_ = wall_clock();
  status_.state = state;
}

bool model_machine::serving() const {
  return model_ && serves(ladder_, status_.tier) && (moves_aside() || (!moving_ && !room_in_));
}

// Whether it goes up, or is about to, while passes go on where it is.
bool model_machine::moves_aside() const {
  return room_in_ && model_ && model_->moves_while_embedding() && serves(ladder_, status_.tier);
}

// -- work: pictures to preparers, batches to lanes, vectors to whoever asked --------------------------------

void model_machine::pump() {
  if (auto lone = serving() ? queue_->next_lone() : std::nullopt)
    start(std::move(lone->work), prepare_job{std::move(lone->task), setup_.options.decode});
  while (auto task = queue_->next_to_prepare()) start(std::move(*task));
  // One batch per lane, and one more that is full, so that a lane finds work when it is done. Not for a model
  // that can do fewer at once than there are lanes: another lane would take it at once.
  auto lanes = setup_.work.lanes->width();
  auto most = serving() ? std::min(lanes, model_->concurrency()) : 0u;
  auto may_start = [&] {
    return embedding_.size() < most
           || (most == lanes && embedding_.size() == most && queue_->full_batch_ready());
  };
  while (most > 0 && fit_next_batch() && may_start()) {
    auto batch = queue_->next_batch();
    if (!batch) break;
    start(std::move(*batch));
  }
  for (auto& done : queue_->take_finished(self_->clock().now())) answer(done);
  tell_use();
  move_if_possible();
}

void model_machine::start(batch_queue::prepare_task task) {
  auto job = std::make_shared<prepare_job>();
  job->task = std::move(task);
  job->limits = setup_.options.decode;
  auto id = next_job_++;
  auto& place = preparing_[id];
  place.job = job;
  place.number = setup_.work.preparers->submit([job, id, self = handle()](unsigned) {
    job->run();
    tell<interface>(self, prepared_atom_v, id);
  });
  arm_watch();
}

void model_machine::start(batch_queue::batch batch, std::optional<prepare_job> first) {
  auto job = std::make_shared<embed_job>();
  job->model = model_;
  job->first = std::move(first);
  job->batch = std::move(batch);
  auto id = next_job_++;
  auto& place = embedding_[id];
  place.job = job;
  place.pictures = job->batch.where.size();
  needs_.emplace(id, working_.expected(job->batch.where.size()));
  place.number = setup_.work.lanes->submit([job, id, self = handle()](unsigned threads) {
    job->run(threads);
    tell<interface>(self, embedded_atom_v, id);
  });
  arm_watch();
}

void model_machine::on_prepared(std::uint64_t id) {
  auto job = std::move(preparing_.extract(id).mapped().job);
  progress_at_ = self_->clock().now();
  queue_->prepared(job->task.where, std::move(job->picture), job->took);
  pump();
}

void model_machine::on_embedded(std::uint64_t id) {
  auto job = std::move(embedding_.extract(id).mapped().job);
  progress_at_ = self_->clock().now();
  needs_.erase(id);
  ++status_.batches;
  learn(*job);
  queue_->embedded(job->batch.id, job->outcomes, job->took,
                   job->first ? job->first->took : std::chrono::microseconds{});
  pump();
}

void model_machine::answer(batch_queue::finished& done) {
  auto reply = replies_.extract(done.request);
  if (auto probe = probes_.extract(done.request)) {
    const auto& outcome = done.reply.outcomes.front();
    outcome ? probe.mapped().fail(outcome) : probe.mapped().deliver();
    return;
  }
  auto failed = static_cast<std::uint64_t>(std::ranges::count_if(done.reply.outcomes, &error::operator bool));
  auto good = done.reply.outcomes.size() - failed;
  status_.failures += failed;
  status_.images += good;
  use_.images += static_cast<std::uint32_t>(good);
  images_in_tier_ += good;
  status_.last_used = wall_clock();
  if (reply) reply.mapped().deliver(std::move(done.reply));
}

void model_machine::fail_requests(const error& why) {
  for (auto id : queue_->abandon())
    if (auto reply = replies_.extract(id)) reply.mapped().fail(why);
  for (auto& [id, reply] : std::exchange(probes_, {})) reply.fail(why);
  tell_use();
}

// -- deadlines ----------------------------------------------------------------------------------------------

// Timers can't be cancelled: one is pending for the nearest deadline, and a nearer one adds another.
void model_machine::arm_expiry() {
  auto next = queue_->next_deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = *next;
  auto pause = std::max(caf::actor_clock::duration_type{0}, *next - self_->clock().now());
  self_->delayed_send(self_, pause, expire_atom_v);
}

void model_machine::on_expire() {
  armed_for_.reset();
  queue_->expire(self_->clock().now());
  arm_expiry();
  pump();
}

// -- the end ------------------------------------------------------------------------------------------------

void model_machine::stop(const caf::error& reason) {
  auto asked_to = reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::normal;
  auto whose = "service " + quoted(setup_.service);
  answer_everybody(asked_to ? error{errc::shutting_down, whose + " is being stopped"}
                            : error{errc::unavailable, whose + " died: " + from_caf(reason).what});
  self_->send(setup_.governor, release_atom_v, key());
  self_->quit(reason);
}

void model_machine::answer_everybody(const error& why) {
  fail_requests(why);
  fail_loads(why);
  for (auto& reply : std::exchange(waiting_for_trim_, {})) reply.fail(why);
  for (auto& x : std::exchange(departures_, {})) x.reply.fail(why);
}

// Freeing a model takes time: not on a scheduler thread.
void model_machine::give_away(std::shared_ptr<loaded_model> model) {
  if (model) setup_.work.loaders->submit([held = std::move(model)](unsigned) mutable {});
}

unload_report model_machine::report(error outcome) const {
  return {.service = setup_.service,
          .model = setup_.info.id,
          .outcome = std::move(outcome),
          .from = status_.tier,
          .to = status_.tier};
}

load_claim claim_of(const std::string& service, const model_info& info, tier to, std::uint32_t places,
                    const idle_timeouts& idle) {
  return {.service = service,
          .model = info.id,
          .tier = to,
          .ladder = ladder_of(info),
          .working_estimate = info.tiers.empty() ? 0 : info.working_estimate,
          .places = places,
          .idle = idle,
          .keep_alive = info.keep_alive};
}

model_actor spawn_model(caf::actor_system& system, model_setup setup) {
  return spawn_state<model_machine>(system, std::move(setup));
}

} // namespace vef
