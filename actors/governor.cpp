#include <vef/actors/governor_machine.hpp>

#include <vef/actors/ladder.hpp>
#include <vef/actors/memory.hpp>

#include <spdlog/spdlog.h>

namespace vef {

governor_machine::interface::behavior_type governor_machine::make_behavior(governor_options options,
                                                                           std::shared_ptr<executor> files) {
  options_ = std::move(options);
  files_ = std::move(files);
  options_.capacity.try_emplace("host", machine_memory_bytes() / 10 * 8);
  for (const auto& [device, bytes] : options_.capacity) {
    auto slack = device == "host" ? options_.slack * static_cast<double>(bytes) : 0;
    ledger_.set_capacity(device, bytes, static_cast<std::uint64_t>(slack));
  }
  auto policy = make_eviction_policy(options_.policy);
  models_.emplace(ledger_, policy ? std::move(*policy) : make_eviction_policy("lru").value(),
                  options_.residency);
  admission_.emplace(ledger_, *models_, options_.admission);
  open_books();
  if (options_.adopting.count() > 0) adopting_until_ = now() + options_.adopting;
  self_->set_down_handler([this](caf::down_msg& msg) { on_model_died(msg); });
  self_->set_exit_handler([this](caf::exit_msg& msg) {
    save_books(true);
    self_->quit(std::move(msg.reason));
  });
  return {
      [this](reserve_atom, load_claim& claim, const model_actor& model) {
        return reserve(std::move(claim), model);
      },
      [this](settle_atom, const load_result& x) { return settle(x); },
      [this](grow_atom, const model_key& who, const device_bytes& wanted) { return grow(who, wanted); },
      [this](release_atom, const model_key& who) { release(who); },
      [this](adopt_atom, const load_claim& claim, const load_result& x, const model_actor& model) {
        adopt(claim, x, model);
      },
      [this](strand_atom, const model_key& who, const model_key& as) { strand(who, as); },
      [this](usage_atom, const usage_record& x) { use(x); },
      [this](unload_atom, const unload_request& x) { return unload(x); },
      [this](unload_atom, const pressure_request& x) { return unload(x); },
      [this](unload_atom, const idle_timeouts& x) { return unload(x); },
      [this](pin_atom, const model_key& who, bool pinned) {
        models_->pin(who, pinned);
        look();
      },
      [this](plan_atom, const load_claim& claim) { return plan(claim); },
      [this](pressure_atom, const std::vector<device_reading>& readings) { on_readings(readings); },
      [this](status_atom) { return status(); },
      [this](expire_atom) { on_timer(); },
  };
}

// -- models come and tell of themselves ---------------------------------------------------------------------

caf::result<load_grant> governor_machine::reserve(load_claim claim, const model_actor& model) {
  auto who = claim.key();
  auto known = books_.find(who);
  auto grant = needs_of(claim, known);
  if (known) claim.ladder = with_measured(std::move(claim.ladder), known->tiers);
  auto ticket = admission_->ask(std::move(claim), std::move(grant), now());
  if (!ticket) {
    ++refused_;
    spdlog::info("no room for {}/{}: {}", who.service, who.model, ticket.error().what);
    return to_caf(ticket.error());
  }
  if (auto it = handles_.find(who); it == handles_.end() || it->second != model) self_->monitor(model);
  handles_[who] = model;
  promise<load_grant> reply{self_};
  waiting_.emplace(*ticket, reply);
  look();
  return reply;
}

caf::result<void> governor_machine::settle(const load_result& x) {
  auto held = models_->find(x.who);
  if (!held)
    return to_caf(
        error{errc::invalid_argument, "model " + vef::quoted(x.who.model) + " has reserved nothing"});
  auto loaded = held->tier == tier::absent;
  // Learned even if there is no room for it: the next reservation is right then.
  if (loaded)
    books_.mark_loaded(x, total(needs_of(held->facts.ladder, x.tier)), wall_clock());
  else
    books_.mark_moved(x);
  books_changed_ = true;
  if (auto good = ledger_.settle(x.who, x.measured); !good) {
    spdlog::warn("{}/{} turned out larger than estimated: {}", x.who.service, x.who.model, good.error().what);
    if (!loaded) evict_too_large(x);
    return to_caf(good.error());
  }
  models_->settled(x, now());
  if (auto usage = books_.find(x.who)) models_->set_history(x.who, usage->requests, usage->load_time);
  look();
  return caf::unit;
}

// Whoever waits for a load goes before larger batches, and so does a machine that is short of memory.
std::uint64_t governor_machine::grow(const model_key& who, const device_bytes& wanted) {
  if (admission_->waits_for(wanted.device) || models_->pressure_of(wanted.device) != pressure::none)
    return ledger_.held(who, wanted.device).working;
  auto got = ledger_.grow(who, wanted);
  if (got >= wanted.bytes) return got;
  auto coming = models_->coming(wanted.device);
  if (wanted.bytes - got > coming) {
    // Not for this batch, but for those after it.
    auto room =
        models_->make_room(who, {{wanted.device, wanted.bytes - got - coming}}, urgency::growth, now());
    for (auto& step : room.steps) {
      step.why = "makes room for larger batches of " + vef::quoted(who.model) + ": " + step.why;
      begin(std::move(step), unload_mode::if_idle);
    }
  }
  return got;
}

void governor_machine::use(const usage_record& x) {
  models_->used(x, now());
  if (x.requests > 0 || x.images > 0) books_.record_usage(x.who, x.requests, x.images, wall_clock());
  if (!x.working.empty()) books_.learn_working(x.who, x.working);
  books_changed_ = true;
  if (!x.leased) look();
}

void governor_machine::release(const model_key& who) {
  auto known = models_->find(who);
  if (known && known->tier != tier::absent) {
    books_.mark_unloaded(who, wall_clock());
    books_changed_ = true;
  }
  models_->gone(who);
  for (auto ticket : admission_->abandon(who))
    if (auto reply = waiting_.extract(ticket))
      reply.mapped().fail(error{errc::cancelled, "model " + vef::quoted(who.model) + " is no longer wanted"});
  look();
}

// What was decided before this governor was there stands, if there is room for it.
void governor_machine::adopt(const load_claim& claim, const load_result& x, const model_actor& model) {
  auto who = claim.key();
  if (auto known = models_->find(who); known && known->tier != tier::absent) return;
  self_->monitor(model);
  handles_[who] = model;
  models_->granted(claim, {x.measured, {}}, now());
  auto room = ledger_.settle(who, x.measured);
  models_->settled(x, now());
  books_.mark_moved(x);
  if (auto usage = books_.find(who)) models_->set_history(who, usage->requests, usage->load_time);
  if (room) return look();
  spdlog::warn("{}/{} was in memory before, and there is no room for it: {}", who.service, who.model,
               room.error().what);
  evict_too_large(x);
}

// Its bytes are nobody's to give back until the thread that is stuck in it returns.
void governor_machine::strand(const model_key& who, const model_key& as) {
  ledger_.rename(who, as);
  release(who);
}

// A model's actor that dies takes its memory, and its place in the queue, with it.
void governor_machine::on_model_died(const caf::down_msg& msg) {
  for (const auto& [who, model] : handles_) {
    if (model.address() != msg.source) continue;
    auto dead = who;
    handles_.erase(dead);
    release(dead);
    return;
  }
}

load_plan governor_machine::plan(const load_claim& claim) const {
  return admission_->plan(claim, needs_of(claim, books_.find(claim.key())), now());
}

// -- time and files -----------------------------------------------------------------------------------------

// Whatever has happened, some loads may be possible now, and some models idle for too long.
void governor_machine::look() {
  if (adopting_until_) {
    if (now() < *adopting_until_) return arm(adopting_until_);
    adopting_until_.reset();
  }
  auto decided = admission_->advance(now());
  for (auto& [ticket, grant] : decided.granted) {
    ++granted_;
    if (auto reply = waiting_.extract(ticket)) reply.mapped().deliver(std::move(grant));
  }
  for (auto& [ticket, why] : decided.refused) {
    ++refused_;
    spdlog::info("a load found no room: {}", why.what);
    if (auto reply = waiting_.extract(ticket)) reply.mapped().fail(why);
  }
  for (auto& step : decided.steps) {
    auto known = models_->find(step.who);
    auto mode = known && known->leased ? unload_mode::when_done : unload_mode::if_idle;
    take(std::move(step), mode);
  }
  for (auto& step : models_->idle_too_long(now())) {
    begin(std::move(step), unload_mode::if_idle);
  }
  auto next = decided.next;
  if (auto idle = models_->next_idle(); idle && (!next || *idle < *next)) next = idle;
  arm(next);
}

// Timers can't be cancelled: one is pending for the nearest time, and a nearer one adds another.
void governor_machine::arm(std::optional<time_point> next) {
  if (books_changed_ && !options_.state_file.empty()) {
    auto save = saved_at_ + options_.save_interval;
    next = next ? std::min(*next, save) : save;
  }
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = *next;
  self_->delayed_send(self_, std::max(caf::actor_clock::duration_type{0}, *next - now()), expire_atom_v);
}

void governor_machine::on_timer() {
  armed_for_.reset();
  if (books_changed_ && now() >= saved_at_ + options_.save_interval) save_books(false);
  look();
}

// What can't be read is kept aside: it may be of a newer version, or of use to somebody.
void governor_machine::open_books() {
  saved_at_ = now();
  if (options_.state_file.empty()) return;
  auto known = read_usage(options_.state_file);
  if (known) {
    books_ = std::move(*known);
    books_.forget_residence(wall_clock());
    return;
  }
  auto aside = options_.state_file;
  aside += ".unreadable";
  std::error_code problem;
  std::filesystem::rename(options_.state_file, aside, problem);
  spdlog::warn("starting without what was learned of the models: {}; {}", known.error().what,
               problem ? "it stays where it is" : "it is kept as " + vef::quoted(aside.string()));
}

void governor_machine::save_books(bool at_the_end) {
  if (options_.state_file.empty() || !books_changed_) return;
  books_changed_ = false;
  saved_at_ = now();
  auto write = [books = books_, file = options_.state_file] {
    if (auto done = write_usage(books, file); !done)
      spdlog::warn("what was learned of the models is not kept: {}", done.error().what);
  };
  if (files_ && !at_the_end)
    files_->submit([write](unsigned) { write(); });
  else
    write();
}

// -- for people ---------------------------------------------------------------------------------------------

memory_status governor_machine::status() const {
  memory_status out{.devices = ledger_.status(),
                    .policy = std::string{models_->policy()},
                    .waiting = static_cast<std::uint32_t>(admission_->waiting()),
                    .granted = granted_,
                    .refused = refused_,
                    .evicted = evicted_,
                    .usage = books_.all(),
                    .recent = {recent_.begin(), recent_.end()}};
  for (auto& device : out.devices) {
    device.pressure = models_->pressure_of(device.device);
    for (auto& x : device.holdings) {
      x.pinned = models_->pinned(x.who);
      if (auto known = models_->find(x.who)) {
        x.tier = known->tier;
        x.leased = known->leased;
      }
    }
  }
  return out;
}

// -- options ------------------------------------------------------------------------------------------------

result<void> validate(const governor_options& x) {
  for (const auto& [device, bytes] : x.capacity)
    if (bytes == 0)
      return fail(errc::invalid_config, "the budget of " + vef::quoted(device) + " is nothing at all");
  if (!(x.slack >= 0 && x.slack < 1))
    return fail(errc::invalid_config, "the slack of the host's budget must be a share from 0 to 1");
  if (auto good = make_eviction_policy(x.policy); !good) return fail(good.error());
  if (auto good = validate(x.pressure); !good) return fail(good.error());
  using namespace std::chrono_literals;
  for (auto time :
       {x.residency.minimum, x.residency.longest_minimum, x.residency.stale_after, x.admission.limit,
        x.admission.drain_after, x.unload_timeout, x.save_interval, x.adopting})
    if (time < 0ms || time > 24h * 36500) // beyond a century a sum of times would overflow
      return fail(errc::invalid_config, "a time of the memory governor is negative or beyond all bounds");
  if (x.admission.parallel_loads == 0) return fail(errc::invalid_config, "no load may be under way at once");
  return {};
}

governor_actor spawn_governor(caf::actor_system& system, governor_options options,
                              std::shared_ptr<executor> files) {
  return spawn_state<governor_machine>(system, std::move(options), std::move(files));
}

} // namespace vef
