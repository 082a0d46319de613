#include <vef/actors/service.hpp>

#include <vef/actors/gather.hpp>
#include <vef/actors/ladder.hpp>
#include <vef/messages/suggest.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

#include <set>

namespace vef {

namespace {

using std::chrono::milliseconds;

class service_machine {
public:
  using interface = service_actor;
  static inline const char* name = "vef.service";

  explicit service_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(service_setup setup) {
    setup_ = std::move(setup);
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
        [this](drain_atom, milliseconds limit) { return drain(limit); },
    };
  }

private:
  // -- requests ---------------------------------------------------------------------------------------------

  caf::result<embed_reply> embed(embed_request request) {
    if (draining_) return to_caf(refusal());
    auto target = model(request.model);
    if (!target) return to_caf(target.error());
    return self_->delegate(*target, embed_atom_v, std::move(request));
  }

  caf::result<model_status> load(const std::string& id) {
    if (draining_) return to_caf(refusal());
    auto target = model(id);
    if (!target) return to_caf(target.error());
    return self_->delegate(*target, load_atom_v);
  }

  caf::result<std::vector<unload_report>> unload(const std::string& id, unload_mode mode) {
    if (!id.empty() && !find(id)) return to_caf(unknown_id(id));
    return self_->delegate(setup_.governor, unload_atom_v, unload_request{setup_.spec.name, id, mode});
  }

  caf::result<load_plan> plan(const std::string& id) {
    auto info = find(id.empty() && !ids_.empty() ? ids_.front() : id);
    if (!info) return to_caf(unknown_id(id));
    return self_->delegate(setup_.governor, plan_atom_v,
                           claim_of(setup_.spec.name, *info, lowest_serving(ladder_of(*info)),
                                    setup_.spec.max_loaded_models, idle()));
  }

  caf::result<void> pin(const std::string& id, bool pinned) {
    auto info = find(id.empty() && !ids_.empty() ? ids_.front() : id);
    if (!info) return to_caf(unknown_id(id));
    self_->send(setup_.governor, pin_atom_v, model_key{setup_.spec.name, info->id}, pinned);
    return caf::unit;
  }

  idle_timeouts idle() const { return setup_.spec.idle.value_or(setup_.idle); }

  void unload_each(const std::vector<model_actor>& targets, unload_mode mode, milliseconds limit,
                   caf::typed_response_promise<std::vector<unload_report>> reply) {
    auto all = std::make_shared<gathering<unload_report>>(reply, targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i)
      self_->request(targets[i], limit, unload_atom_v, mode)
          .then([=](unload_report& done) { all->put(i, {std::move(done)}); },
                [=, this, id = id_of(targets[i])](caf::error& why) {
                  all->put(i, {{.service = setup_.spec.name, .model = id, .outcome = from_caf(why)}});
                });
  }

  std::vector<catalog_entry> catalog() const {
    std::vector<catalog_entry> out;
    for (const auto& info : setup_.catalog) out.push_back({setup_.spec.name, info, info.id == ids_.front()});
    return out;
  }

  caf::result<service_status> status() {
    auto x = std::make_shared<service_status>();
    x->name = setup_.spec.name;
    x->backend = setup_.spec.backend;
    x->state = draining_ ? service_state::stopping : service_state::running;
    x->default_model = ids_.empty() ? std::string{} : ids_.front();
    x->catalog = setup_.catalog;
    auto reply = self_->make_response_promise<service_status>();
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

  const model_info* find(const std::string& id) const {
    for (const auto& info : setup_.catalog)
      if (info.id == id) return &info;
    return nullptr;
  }

  error unknown_id(const std::string& id) const {
    return {errc::unknown_model, unknown("model", id, ids_) + " (service " + quoted(setup_.spec.name) + ')'};
  }

  error refusal() const {
    return {errc::shutting_down, "service " + quoted(setup_.spec.name) + " is being stopped"};
  }

  // The actor of a model, made when it is first needed. The empty id is the default.
  result<model_actor> model(const std::string& wanted) {
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

  std::string id_of(const model_actor& handle) const {
    for (const auto& [id, known] : models_)
      if (known == handle) return id;
    return {};
  }

  // A model's actor died of a bug: the next request for the model makes another.
  void on_model_died(const caf::down_msg& msg) {
    for (auto it = models_.begin(); it != models_.end(); ++it) {
      if (it->second.address() != msg.source) continue;
      auto id = it->first;
      if (!stopping_)
        spdlog::error("the actor of {}/{} died: {}", setup_.spec.name, id, from_caf(msg.reason).what);
      models_.erase(it);
      break;
    }
  }

  // -- the end ----------------------------------------------------------------------------------------------

  caf::result<std::vector<unload_report>> drain(milliseconds limit) {
    draining_ = true;
    std::vector<model_actor> targets;
    for (const auto& [id, handle] : models_) targets.push_back(handle);
    auto reply = self_->make_response_promise<std::vector<unload_report>>();
    unload_each(targets, unload_mode::when_done, limit, reply);
    return reply;
  }

  void stop(const caf::error& reason) {
    stopping_ = true;
    for (const auto& [id, handle] : models_) self_->send_exit(handle, reason);
    // A backend's destructor may take long: not on a scheduler thread.
    setup_.work.loaders->submit([held = std::move(setup_.source)](unsigned) mutable { held.reset(); });
    self_->quit(reason);
  }

  static constexpr milliseconds status_timeout{2000};

  interface::pointer self_;
  service_setup setup_;
  std::vector<std::string> ids_; // of the catalog, the default one first
  std::map<std::string, model_actor> models_;
  bool draining_ = false;
  bool stopping_ = false;
};

} // namespace

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
