// How a model gets room and comes into memory.
#include <vef/actors/ladder.hpp>
#include <vef/actors/model_machine.hpp>

#include <spdlog/spdlog.h>

namespace vef {

// -- room ---------------------------------------------------------------------------------------------------

void model_machine::ask_for_room(tier to, bool optional) {
  auto claim = claim_of(setup_.service, setup_.info, to, setup_.places, setup_.idle);
  claim.optional = optional;
  climbing_ = to;
  climb_is_optional_ = optional;
  auto life = ++life_;
  if (governor_is_gone_) return; // its successor will be asked
  self_
      ->request(setup_.governor, setup_.options.admission_timeout, reserve_atom_v, std::move(claim),
                caf::actor_cast<model_actor>(self_))
      .then(
          [this, life, to](load_grant& grant) {
            if (life == life_) on_room(to, std::move(grant));
          },
          [this, life, to](caf::error& why) {
            if (life != life_) return;
            // The answer of a governor that died is no answer: its successor is asked.
            auto problem = from_caf(why);
            if (problem.code == errc::unavailable)
              governor_is_gone_ = true;
            else
              on_no_room(to, problem);
          });
}

void model_machine::on_room(tier to, load_grant grant) {
  climbing_.reset();
  status_.bytes_estimated = total(grant.reserved.weights) + total(grant.reserved.working);
  if (!model_) held_ = grant.reserved;
  working_ = working_memory{setup_.info.tiers.empty() ? 0 : setup_.info.working_estimate, grant.learned};
  if (!model_) return start_load(to);
  room_in_ = to;
  move_if_possible();
}

void model_machine::on_no_room(tier to, const error& why) {
  climbing_.reset();
  if (!model_) return on_load_failed(why);
  if (serves(ladder_, status_.tier)) return pump(); // it stays where it is
  status_.last_error = why;
  spdlog::info("{}/{} cannot go to tier {}: {}", setup_.service, setup_.info.id, to_string(to), why.what);
  fail_loads(why);
  fail_requests(why);
  move_if_possible();
}

// -- loading ------------------------------------------------------------------------------------------------

void model_machine::start_load(tier to) {
  status_.bytes = status_.bytes_estimated;
  words_ = std::make_shared<last_words>();
  auto job = std::make_shared<load_job>();
  job->source = setup_.source;
  job->words = words_;
  job->info = setup_.info;
  job->to = to;
  loading_.job = job;
  loading_.number = setup_.work.loaders->submit([job, self = handle()](unsigned threads) {
    job->run(threads);
    tell<interface>(self, loaded_atom_v);
  });
  arm_watch();
}

// What stays with the model at the least is what the load's own trial used, or what one picture is expected
// to need.
load_result model_machine::result_of(tier in, model_memory measured, std::chrono::microseconds took) const {
  if (serves(ladder_, in)) {
    auto least = std::max(total(measured.working), working_.expected(1));
    measured.working.clear();
    if (least > 0) measured.working.push_back({working_device(ladder_, in), least});
  }
  return {.who = key(), .tier = in, .measured = std::move(measured), .took = took};
}

void model_machine::on_loaded() {
  auto job = std::exchange(loading_, {}).job;
  progress_at_ = self_->clock().now();
  status_.load_time = job->took;
  if (!job->model) return on_load_failed(job->model.error());
  model_ = job->share();
  if (auto held = total(job->memory.working); held > 0)
    working_.measured(1, held); // the backend has tried it out
  auto x = result_of(job->to, std::move(job->memory), job->took);
  settling_ = x;
  if (governor_is_gone_) return;
  self_->request(setup_.governor, setup_.options.admission_timeout, settle_atom_v, x)
      .then(
          [this, x] {
            if (settling_) on_settled(x);
          },
          [this](caf::error& why) {
            auto problem = from_caf(why);
            if (problem.code == errc::unavailable)
              governor_is_gone_ = true; // its successor is told
            else if (settling_)
              on_too_large(problem);
          });
}

void model_machine::on_settled(const load_result& x) {
  settling_.reset();
  ++status_.loads;
  hold(x);
  status_.loaded_at = wall_clock();
  status_.last_error = {};
  tried_again_ = false;
  told_leased_ = false;
  spdlog::info("loaded {}/{} in {} ms: {} ({} estimated)", setup_.service, setup_.info.id,
               status_.load_time.count() / 1000, format_bytes(status_.bytes),
               format_bytes(status_.bytes_estimated));
  set_state(departures_.empty() ? model_state::ready : model_state::draining);
  queue_->loaded(self_->clock().now());
  answer_loads();
  tell_use();
  tell_owner();
  pump();
}

// The estimate was too small and there is no room for what it really needs. The governor has learned how much
// that is: the model goes, and comes again with the right claim.
void model_machine::on_too_large(const error& why) {
  settling_.reset();
  status_.last_error = why;
  if (!std::exchange(tried_again_, true)) return start_move(tier::absent);
  give_away(std::move(model_));
  model_ = nullptr;
  on_load_failed(why);
}

void model_machine::on_load_failed(error why) {
  spdlog::info("loading {}/{} failed: {}", setup_.service, setup_.info.id, describe(why));
  tried_again_ = false;
  become_absent(model_state::failed);
  status_.last_error = why;
  fail_loads(why);
  answer_departures({});
  queue_->release();
  fail_requests(why);
}

} // namespace vef
