#include <vef/actors/ladder.hpp>
#include <vef/actors/model_machine.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

// -- room for the next batch --------------------------------------------------------------------------------

std::uint64_t model_machine::working_in_use() const {
  std::uint64_t sum = 0;
  for (const auto& [id, bytes] : needs_) sum += bytes;
  return sum;
}

// Cuts the next batch to what fits into the working memory that the model has, and asks for more where that
// would make it larger. One pass over one picture is always possible: its memory was set aside with the load.
bool model_machine::fit_next_batch() {
  auto ready = queue_->sendable();
  if (ready == 0) return true;
  auto wanted = std::min({ready, working_.largest_batch(), pressed_batch_});
  auto used = working_in_use();
  auto fits = working_.fitting(working_granted_ > used ? working_granted_ - used : 0, wanted);
  if (fits < wanted) {
    ask_for_growth(used + working_.expected(wanted));
    if (growth_asked_ || (fits == 0 && !needs_.empty()))
      return false; // the answer, or a pass that ends, comes back here
  }
  auto most = std::min(working_.largest_batch(), pressed_batch_);
  queue_->set_largest_batch(fits < wanted ? std::max<std::size_t>(fits, 1) : most);
  return true;
}

void model_machine::ask_for_growth(std::uint64_t bytes) {
  auto now = self_->clock().now();
  if (growth_asked_ || trimming_ || now < no_growth_before_) return;
  growth_asked_ = true;
  self_
      ->request(setup_.governor, setup_.options.growth_pause, grow_atom_v, key(),
                device_bytes{working_device(ladder_, status_.tier), bytes})
      .then([this, bytes](std::uint64_t granted) { on_growth(bytes, granted); },
            [this, bytes](caf::error&) { on_growth(bytes, working_granted_); });
}

void model_machine::on_growth(std::uint64_t wanted, std::uint64_t granted) {
  growth_asked_ = false;
  if (granted < wanted) no_growth_before_ = self_->clock().now() + setup_.options.growth_pause;
  if (model_ && granted > working_granted_) {
    working_granted_ = granted;
    model_->limit_working(granted);
  }
  pump();
}

// -- what passes teach --------------------------------------------------------------------------------------

void model_machine::learn(const embed_job& job) {
  for (const auto& x : job.working) working_.measured(x.pictures, x.bytes);
  for (auto pictures : job.ran_out) {
    ++status_.ran_out;
    working_.ran_out(pictures);
    spdlog::warn(
        "{}/{}: no memory for a batch of {}; it was halved, and batches have at most {} pictures from now on",
        setup_.service, setup_.info.id, pictures, working_.largest_batch());
  }
  if (!job.ran_out.empty() && model_) model_->limit_working(working_granted_);
  for (auto& x : working_.take_new()) use_.working.push_back(x);
}

// -- giving working memory back -----------------------------------------------------------------------------

caf::result<unload_report> model_machine::trim() {
  if (!model_ || moving_ || settling_ || !embedding_.empty() || growth_asked_)
    return report({errc::in_use, "model " + quoted(setup_.info.id) + " is at work"});
  promise<unload_report> reply{self_};
  waiting_for_trim_.push_back(reply);
  if (trimming_) return reply;
  trimming_.job = std::make_shared<trim_job>();
  trimming_.job->model = model_;
  trimming_.job->keep = working_granted_ = working_least_;
  trimming_.number = setup_.work.loaders->submit([job = trimming_.job, self = handle()](unsigned) {
    job->run();
    tell<interface>(self, trimmed_atom_v);
  });
  arm_watch();
  return reply;
}

void model_machine::on_trimmed() {
  auto job = std::exchange(trimming_, {}).job;
  auto done = report({});
  done.bytes_expected = job->bytes_expected;
  done.bytes_returned = job->bytes_returned;
  done.took = job->took;
  for (auto& reply : std::exchange(waiting_for_trim_, {})) reply.deliver(done);
  pump();
}

void model_machine::on_pressure(pressure level) {
  pressed_batch_ = level == pressure::critical ? std::max(1u, setup_.info.batch_size / 4) : any_batch;
  pump();
}

// -- the governor hears of use ------------------------------------------------------------------------------

// When the model becomes busy or idle; while it stays busy, now and then.
void model_machine::tell_use(bool in_any_case) {
  if (is_absent() || status_.state == model_state::loading)
    return; // it can't be evicted, and hears of it when it is there
  auto leased = busy();
  auto now = self_->clock().now();
  auto news = leased != told_leased_ || (use_.requests > 0 && now - told_at_ >= std::chrono::seconds{1});
  if (!news && !in_any_case) return;
  told_leased_ = leased;
  told_at_ = now;
  use_.leased = leased;
  self_->send(setup_.governor, usage_atom_v, std::exchange(use_, usage_record{.who = key()}));
}

} // namespace vef
