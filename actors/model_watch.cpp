// How a model is watched: the ages of its work, the tiny picture of a health check, work that is stuck in
// foreign code, and a governor that takes the place of one that died.
#include <vef/actors/model_machine.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

// -- health -------------------------------------------------------------------------------------------------

milliseconds model_machine::oldest_running() const {
  milliseconds oldest{};
  for (const auto& [id, x] : embedding_)
    oldest = std::max(oldest, setup_.work.lanes->running_for(x.number).value_or(milliseconds{}));
  for (const auto& [id, x] : preparing_)
    oldest = std::max(oldest, setup_.work.preparers->running_for(x.number).value_or(milliseconds{}));
  return oldest;
}

void model_machine::add_health(model_status& x) const {
  auto since = [now = self_->clock().now()](batch_queue::time_point then) {
    return std::chrono::duration_cast<milliseconds>(now - then);
  };
  if (auto first = queue_->oldest()) x.oldest_queued = since(*first);
  x.oldest_running = oldest_running();
  // A load makes no progress that could be seen, and has a limit of its own.
  if (!queue_->empty() && !loading_ && !moving_) x.no_progress = since(progress_at_);
  x.health.since = state_since_;
  auto stuck = std::max(x.oldest_running, x.no_progress);
  if (stuck >= setup_.options.pass_limit) {
    x.health.state = health::unhealthy;
    x.health.reason = "no progress for " + std::to_string(stuck.count() / 1000) + " s with work waiting";
    return;
  }
  switch (x.state) {
  case model_state::loading:
  case model_state::moving: x.health.state = health::starting; break;
  case model_state::ready:
  case model_state::draining: x.health.state = health::healthy; break;
  case model_state::absent: x.health.state = health::stopped; break;
  case model_state::failed:
    x.health.state = health::failed;
    x.health.reason = x.last_error.what;
    break;
  }
}

// The picture goes the way of all pictures, but is no use of the model: it neither keeps it in memory nor is
// counted.
caf::result<void> model_machine::probe(milliseconds allowed) {
  // With requests under way, those show how the model does, and the picture would only wait behind them.
  if (status_.state != model_state::ready || !serving() || !queue_->empty()) return caf::unit;
  constexpr std::uint32_t side = 8;
  std::vector<std::uint8_t> grey(std::size_t{side} * side * 3, 128);
  embed_request request{.images = {image::rgb(shared_bytes{std::move(grey)}, side, side, "health check")}};
  request.priority = priority::high;
  auto now = progress_at_ = self_->clock().now();
  auto id = queue_->admit(std::move(request), now, now + allowed);
  if (!id) return to_caf(id.error());
  promise<void> reply{self_};
  probes_.emplace(*id, reply);
  arm_expiry();
  pump();
  return reply;
}

// -- work that is stuck -------------------------------------------------------------------------------------

// Timers can't be cancelled: one is pending while there is work.
void model_machine::arm_watch() {
  if (std::exchange(watching_, true)) return;
  auto pause = std::min(setup_.options.pass_limit, setup_.options.load_limit) / 4;
  self_->delayed_send(self_, std::max(pause, milliseconds{1}), watch_atom_v);
}

void model_machine::on_watch() {
  watching_ = false;
  const auto& limits = setup_.options;
  auto& work = setup_.work;
  for (const auto& [id, x] : embedding_) {
    auto limit = limits.pass_limit * std::max<std::size_t>(1, x.pictures / pictures_in_limit);
    if (give_up_if_stuck(*work.lanes, x.number, limit, "a forward pass")) return;
  }
  for (const auto& [id, x] : preparing_)
    if (give_up_if_stuck(*work.preparers, x.number, limits.pass_limit, "the decoding of a picture")) return;
  if (loading_ && give_up_if_stuck(*work.loaders, loading_.number, limits.load_limit, "its load")) return;
  if (moving_ && give_up_if_stuck(*work.loaders, moving_.number, limits.load_limit, "its unload")) return;
  if (trimming_ && give_up_if_stuck(*work.loaders, trimming_.number, limits.load_limit, "a trim")) return;
  if (!embedding_.empty() || !preparing_.empty() || loading_ || moving_ || trimming_) arm_watch();
}

bool model_machine::give_up_if_stuck(executor& where, executor::job_id job, milliseconds limit,
                                     const char* what) {
  auto age = where.running_for(job);
  if (!age || *age < limit || !where.retire(job)) return false;
  auto text = std::string{what} + " of " + setup_.service + '/' + setup_.info.id + " was stuck for "
              + std::to_string(age->count() / 1000) + " s; its thread was given up";
  strand(job);
  end({errc::unavailable, text});
  return true;
}

// What a stuck thread may still use can't be freed. It is counted under another name until the thread lets go
// of it.
void model_machine::strand(executor::job_id job) {
  if (!words_) return;
  model_key as{setup_.service, setup_.info.id + " (stuck " + std::to_string(job) + ')'};
  self_->send(setup_.governor, strand_atom_v, key(), as);
  words_->set([governor = caf::actor_cast<caf::weak_actor_ptr>(setup_.governor), as] {
    tell<governor_actor>(governor, release_atom_v, as);
  });
  words_.reset();
}

// The actor ends of something that it can't mend; its service makes another.
void model_machine::end(const error& why) {
  spdlog::error("{}", why.what);
  answer_everybody(why);
  self_->quit(to_caf(why));
}

// -- another governor ---------------------------------------------------------------------------------------

void model_machine::on_governor(const caf::strong_actor_ptr& x) {
  setup_.governor = caf::actor_cast<governor_actor>(x);
  governor_is_gone_ = false;
  if (model_ || loading_ || moving_) {
    auto in = loading_ ? loading_.job->to : status_.tier;
    auto claim = claim_of(setup_.service, setup_.info, in, setup_.places, setup_.idle);
    self_->send(setup_.governor, adopt_atom_v, std::move(claim),
                load_result{.who = key(), .tier = in, .measured = held_, .took = status_.load_time},
                caf::actor_cast<model_actor>(self_));
  }
  if (auto loaded = settling_) on_settled(*loaded);
  if (climbing_) ask_for_room(*climbing_, climb_is_optional_);
  tell_use(true);
}

// The service hears of what is in memory.
void model_machine::tell_owner() { self_->send(setup_.owner, event_atom_v, status()); }

} // namespace vef
