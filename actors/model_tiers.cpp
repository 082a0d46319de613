#include <vef/actors/ladder.hpp>
#include <vef/actors/model_machine.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

std::string text(tier x) { return std::string{to_string(x)}; }

} // namespace

// -- what is asked for --------------------------------------------------------------------------------------

caf::result<model_status> model_machine::load() {
  if (status_.state == model_state::ready && serves(ladder_, status_.tier)) return status();
  promise<model_status> reply{self_};
  waiting_for_load_.push_back(reply);
  wake();
  return reply;
}

caf::result<unload_report> model_machine::leave(tier to, unload_mode mode) {
  auto in_use = busy() || status_.state == model_state::loading || !waiting_for_load_.empty();
  if (is_absent() && !in_use) return report({});
  if (model_ && !moving_ && to >= status_.tier) return report({}); // it is there, or below
  if (mode == unload_mode::if_idle && in_use) {
    tell_use(true); // the governor took it for idle
    auto waiting = std::to_string(queue_->images()) + " pictures under way";
    return report({errc::in_use, "model " + quoted(setup_.info.id) + " has "
                                     + (status_.state == model_state::loading ? "a load" : waiting)});
  }
  promise<unload_report> reply{self_};
  departures_.push_back({to, reply});
  if (departures_.size() == 1) queue_->hold_new();
  if (status_.state == model_state::ready) set_state(model_state::draining);
  move_if_possible();
  return reply;
}

// Makes sure that the model is on its way to where it can serve, if somebody waits for that.
void model_machine::wake() {
  if (queue_->empty() && waiting_for_load_.empty()) return;
  if (moving_ || loading_ || climbing_ || room_in_) return;
  if (is_absent()) {
    set_state(model_state::loading);
    ask_for_room(lowest_serving(ladder_), false);
  } else if (model_ && !serves(ladder_, status_.tier)) {
    if (auto higher = above(ladder_, status_.tier)) ask_for_room(*higher, false);
  } else if (model_) {
    auto higher = above(ladder_, status_.tier);
    if (higher && images_in_tier_ >= setup_.options.climb_after) {
      images_in_tier_ = 0;
      ask_for_room(*higher, true);
    }
  }
}

// -- moving -------------------------------------------------------------------------------------------------

void model_machine::move_if_possible() {
  if (!model_ || moving_ || trimming_ || status_.state == model_state::loading) return;
  if (!embedding_.empty() && !moves_aside()) return;
  if (room_in_) return start_move(*room_in_);
  if (departures_.empty() || climbing_ || !queue_->drained()) return;
  start_move(std::ranges::min_element(departures_, {}, &departure::to)->to);
}

void model_machine::start_move(tier to) {
  auto job = std::make_shared<move_job>();
  job->source = setup_.source;
  job->to = to;
  job->aside = moves_aside();
  job->model = to == tier::absent ? std::exchange(model_, nullptr) : model_;
  if (status_.state == model_state::ready && !job->aside) set_state(model_state::moving);
  moving_.job = job;
  moving_.number = setup_.work.loaders->submit([job, self = handle()](unsigned threads) {
    job->run(threads);
    tell<interface>(self, moved_atom_v);
  });
  arm_watch();
}

void model_machine::on_moved() {
  auto job = std::exchange(moving_, {}).job;
  progress_at_ = self_->clock().now();
  room_in_ ? on_climbed(*job) : on_left(*job);
  wake();
  pump();
}

void model_machine::on_climbed(const move_job& job) {
  auto to = *std::exchange(room_in_, std::nullopt);
  settle_move(job);
  set_state(departures_.empty() ? model_state::ready : model_state::draining);
  if (job.outcome) {
    spdlog::info("{}/{} went up to tier {} in {} ms", setup_.service, setup_.info.id, text(to),
                 job.took.count() / 1000);
    queue_->loaded(self_->clock().now());
    if (serves(ladder_, status_.tier)) answer_loads();
    return;
  }
  const auto& why = job.outcome.error();
  status_.last_error = why;
  spdlog::warn("{}/{} stays in tier {}: {}", setup_.service, setup_.info.id, text(status_.tier), why.what);
  if (serves(ladder_, status_.tier)) return;
  fail_loads(why);
  fail_requests(why);
}

// Where it is now more than there is room for, the governor has the model leave. Asked and not only told: an
// error that nobody waits for would end this actor.
void model_machine::settle_move(const move_job& job) {
  auto x = result_of(job.outcome ? job.to : status_.tier, job.memory, job.took);
  self_->request(setup_.governor, setup_.options.admission_timeout, settle_atom_v, x)
      .then([] {}, [](caf::error&) {});
  hold(x);
}

// What it holds after a load or a move, and may use for passes until it asks for more.
void model_machine::hold(const load_result& x) {
  held_ = x.measured;
  status_.tier = x.tier;
  status_.bytes = total(x.measured.weights) + total(x.measured.working);
  images_in_tier_ = 0;
  working_least_ = working_granted_ = total(x.measured.working);
  model_->limit_working(working_granted_ > 0 ? working_granted_ : static_cast<std::uint64_t>(-1));
}

void model_machine::on_left(const move_job& job) {
  auto done = report(job.outcome ? error{} : job.outcome.error());
  done.bytes_expected = job.bytes_expected;
  done.bytes_returned = job.bytes_returned;
  done.took = job.took;
  if (auto kept = done.bytes_expected - done.bytes_returned; kept > done.bytes_expected / 20 && kept > 8_MiB)
    spdlog::warn("{}/{} left tier {} for {}, and {} of {} did not come back; other work may have taken them",
                 setup_.service, setup_.info.id, text(status_.tier), text(job.to), format_bytes(kept),
                 format_bytes(done.bytes_expected));
  if (job.to == tier::absent) {
    become_absent(model_state::absent);
  } else {
    settle_move(job);
    set_state(model_state::ready);
    if (serves(ladder_, status_.tier)) answer_loads();
  }
  done.to = status_.tier;
  std::vector<departure> left;
  for (auto& x : std::exchange(departures_, {})) {
    if (job.outcome && x.to < status_.tier)
      left.push_back(std::move(x)); // it came in the meantime and goes further down
    else
      x.reply.deliver(done);
  }
  departures_ = std::move(left);
  if (departures_.empty()) queue_->release();
}

void model_machine::become_absent(model_state state) {
  set_state(state);
  status_.bytes = 0;
  status_.tier = tier::absent;
  working_granted_ = working_least_ = 0;
  pressed_batch_ =
      any_batch; // nobody tells a model that is absent; what is loaded later is loaded because there is room
  ++life_;       // answers to what was asked before are of no use any more
  climbing_.reset();
  words_.reset();
  held_ = {};
  self_->send(setup_.governor, release_atom_v, key());
  tell_owner();
}

void model_machine::answer_loads() {
  for (auto& reply : std::exchange(waiting_for_load_, {})) reply.deliver(status());
}

void model_machine::fail_loads(const error& why) {
  for (auto& reply : std::exchange(waiting_for_load_, {})) reply.fail(why);
}

void model_machine::answer_departures(const error& why) {
  for (auto& x : std::exchange(departures_, {})) x.reply.deliver(report(why));
}

} // namespace vef
