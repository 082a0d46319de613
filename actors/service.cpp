#include <vef/actors/ladder.hpp>
#include <vef/actors/service_machine.hpp>
#include <vef/messages/suggest.hpp>

#include <spdlog/spdlog.h>

namespace vef {

using std::chrono::milliseconds;

service_machine::interface::behavior_type service_machine::make_behavior(service_setup setup) {
  setup_ = std::move(setup);
  setup_.models.pass_limit = setup_.spec.health.stuck_after;
  deaths_ = restart_policy{setup_.spec.restart};
  for (const auto& info : setup_.catalog) ids_.push_back(info.id);
  self_->set_exit_handler([this](caf::exit_msg& msg) { stop(msg.reason); });
  self_->set_down_handler([this](caf::down_msg& msg) { on_model_died(msg); });
  return {
      [this](embed_atom, embed_request& request) { return embed(std::move(request)); },
      [this](load_atom, const std::string& id) { return load(id); },
      [this](unload_atom, const std::string& id, unload_mode mode) { return unload(id, mode); },
      [this](plan_atom, const std::string& id) { return plan(id); },
      [this](pin_atom, const std::string& id, bool pinned) { return pin(id, pinned); },
      [this](models_atom) { return catalog(); },
      [this](status_atom) { return status(); },
      [this](check_atom, const check_request& x) { return check(x); },
      [this](put_atom, const caf::strong_actor_ptr& governor) { on_governor(governor); },
      [this](event_atom, const model_status& x) { on_model(x); },
      [this](drain_atom, milliseconds limit) { return drain(limit); },
      [this](checked_atom) { on_checked(); },
      [this](expire_atom) { on_check_late(); },
  };
}

// -- requests ---------------------------------------------------------------------------------------------

caf::result<embed_reply> service_machine::embed(embed_request request) {
  if (draining_) return to_caf(refusal());
  auto target = model(request.model);
  if (!target) return to_caf(target.error());
  return self_->delegate(*target, embed_atom_v, std::move(request));
}

caf::result<model_status> service_machine::load(const std::string& id) {
  if (draining_) return to_caf(refusal());
  auto target = model(id);
  if (!target) return to_caf(target.error());
  return self_->delegate(*target, load_atom_v);
}

caf::result<std::vector<unload_report>> service_machine::unload(const std::string& id, unload_mode mode) {
  if (!id.empty() && !find(id)) return to_caf(unknown_id(id));
  return self_->delegate(setup_.governor, unload_atom_v, unload_request{setup_.spec.name, id, mode});
}

caf::result<load_plan> service_machine::plan(const std::string& id) {
  auto info = find(id.empty() && !ids_.empty() ? ids_.front() : id);
  if (!info) return to_caf(unknown_id(id));
  return self_->delegate(setup_.governor, plan_atom_v,
                         claim_of(setup_.spec.name, *info, lowest_serving(ladder_of(*info)),
                                  setup_.spec.max_loaded_models, idle()));
}

caf::result<void> service_machine::pin(const std::string& id, bool pinned) {
  auto info = find(id.empty() && !ids_.empty() ? ids_.front() : id);
  if (!info) return to_caf(unknown_id(id));
  if (pinned)
    pinned_.insert(info->id);
  else
    pinned_.erase(info->id);
  self_->send(setup_.governor, pin_atom_v, model_key{setup_.spec.name, info->id}, pinned);
  return caf::unit;
}

void service_machine::unload_each(const std::vector<model_actor>& targets, unload_mode mode,
                                  milliseconds limit, promise<std::vector<unload_report>> reply) {
  auto all = std::make_shared<gathering<unload_report>>(reply, targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i)
    self_->request(targets[i], limit, unload_atom_v, mode)
        .then([=](unload_report& done) { all->put(i, {std::move(done)}); },
              [=, this, id = id_of(targets[i])](caf::error& why) {
                all->put(i, {{.service = setup_.spec.name, .model = id, .outcome = from_caf(why)}});
              });
}

std::vector<catalog_entry> service_machine::catalog() const {
  std::vector<catalog_entry> out;
  for (const auto& info : setup_.catalog) out.push_back({setup_.spec.name, info, info.id == ids_.front()});
  return out;
}

caf::result<service_status> service_machine::status() {
  auto x = std::make_shared<service_status>();
  x->name = setup_.spec.name;
  x->backend = setup_.spec.backend;
  x->state = draining_ ? service_state::stopping : service_state::running;
  x->default_model = ids_.empty() ? std::string{} : ids_.front();
  x->catalog = setup_.catalog;
  x->spec = setup_.spec;
  promise<service_status> reply{self_};
  if (models_.empty()) reply.deliver(*x);
  auto open = std::make_shared<std::size_t>(models_.size());
  for (const auto& [id, handle] : models_)
    self_->request(handle, status_timeout, status_atom_v)
        .then(
            [=](model_status& one) mutable {
              x->models.push_back(std::move(one));
              if (--*open == 0) reply.deliver(std::move(*x));
            },
            [=](caf::error&) mutable {
              if (--*open == 0) reply.deliver(std::move(*x));
            });
  return reply;
}

// -- models -----------------------------------------------------------------------------------------------

const model_info* service_machine::find(const std::string& id) const {
  for (const auto& info : setup_.catalog)
    if (info.id == id) return &info;
  return nullptr;
}

error service_machine::unknown_id(const std::string& id) const {
  return {errc::unknown_model, unknown("model", id, ids_) + " (service " + quoted(setup_.spec.name) + ')'};
}

error service_machine::refusal() const {
  return {errc::shutting_down, "service " + quoted(setup_.spec.name) + " is being stopped"};
}

// The actor of a model, made when it is first needed. The empty id is the default.
result<model_actor> service_machine::model(const std::string& wanted) {
  if (ids_.empty())
    return fail(errc::unknown_model, "service " + quoted(setup_.spec.name) + " offers no models");
  const auto& id = wanted.empty() ? ids_.front() : wanted;
  if (auto it = models_.find(id); it != models_.end()) return it->second;
  auto info = find(id);
  if (!info) return fail(unknown_id(id));
  auto handle = spawn_model(self_->system(), {setup_.spec.name, *info, setup_.source, setup_.work,
                                              caf::actor_cast<service_actor>(self_), setup_.governor,
                                              setup_.models, setup_.spec.max_loaded_models, idle()});
  self_->monitor(handle);
  models_.emplace(id, handle);
  return handle;
}

std::string service_machine::id_of(const model_actor& handle) const {
  for (const auto& [id, known] : models_)
    if (known == handle) return id;
  return {};
}

void service_machine::on_model(const model_status& x) {
  if (x.tier == tier::absent)
    loaded_.erase(x.model);
  else
    loaded_.insert(x.model);
  if (setup_.listener) self_->send(setup_.listener, event_atom_v, x);
}

// The next request for the model makes another actor. One death after the other is more than a model's
// matter.
void service_machine::on_model_died(const caf::down_msg& msg) {
  auto it = std::ranges::find_if(models_, [&](const auto& x) { return x.second.address() == msg.source; });
  if (it == models_.end() || stopping_) return;
  auto id = it->first;
  auto why = from_caf(msg.reason);
  models_.erase(it);
  auto was_loaded = loaded_.contains(id);
  model_status gone;
  gone.service = setup_.spec.name;
  gone.model = id;
  on_model(gone);
  if (draining_) return;
  spdlog::error("the actor of {}/{} died: {}", setup_.spec.name, id, why.what);
  if (!deaths_.died(self_->clock().now()))
    return stop(to_caf(
        error{errc::unavailable, "its models died too often, at last " + quoted(id) + ": " + why.what}));
  if (was_loaded && setup_.spec.restart.warm)
    if (auto again = model(id))
      self_->request(*again, caf::infinite, load_atom_v)
          .then([](const model_status&) {},
                [id](caf::error& problem) {
                  spdlog::warn("{} does not come back: {}", id, from_caf(problem).what);
                });
}

void service_machine::on_governor(const caf::strong_actor_ptr& x) {
  setup_.governor = caf::actor_cast<governor_actor>(x);
  for (const auto& id : pinned_)
    self_->send(setup_.governor, pin_atom_v, model_key{setup_.spec.name, id}, true);
  for (const auto& [id, handle] : models_) self_->send(handle, put_atom_v, x);
}

// -- the end ----------------------------------------------------------------------------------------------

caf::result<std::vector<unload_report>> service_machine::drain(milliseconds limit) {
  draining_ = true;
  std::vector<model_actor> targets;
  for (const auto& [id, handle] : models_) targets.push_back(handle);
  promise<std::vector<unload_report>> reply{self_};
  unload_each(targets, unload_mode::when_done, limit, reply);
  return reply;
}

void service_machine::stop(const caf::error& reason) {
  stopping_ = true;
  for (const auto& [id, handle] : models_) self_->send_exit(handle, reason);
  give_away();
  self_->quit(reason);
}

// A backend's destructor may take long: not on a scheduler thread.
void service_machine::give_away() {
  if (auto held = std::exchange(setup_.source, nullptr))
    setup_.work.loaders->submit([held = std::move(held)](unsigned) mutable { held.reset(); });
}

result<void> validate(const std::vector<model_info>& catalog) {
  std::set<std::string> seen;
  for (const auto& model : catalog) {
    auto bad = [&](const std::string& why) {
      return fail(errc::invalid_config, "model " + quoted(model.id) + ": " + why);
    };
    if (model.id.empty()) return fail(errc::invalid_config, "a model of the catalog has no id");
    if (!seen.insert(model.id).second)
      return fail(errc::duplicate_name, "the catalog lists model " + quoted(model.id) + " twice");
    if (model.embed_dim == 0) return bad("embed_dim is 0");
    if (auto good = validate(model.prepare); !good) return bad(good.error().what);
    if (auto good = validate(model.tiers); !good) return bad(good.error().what);
    if (model.keep_alive && model.keep_alive->count() < 0) return bad("keep_alive is negative");
  }
  return {};
}

service_actor spawn_service(caf::actor_system& system, service_setup setup) {
  return spawn_state<service_machine>(system, std::move(setup));
}

} // namespace vef
