#include <vef/actors/governor.hpp>

#include <vef/actors/gather.hpp>
#include <vef/actors/memory.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

namespace vef {

namespace {

class governor_machine {
public:
  using interface = governor_actor;
  static inline const char* name = "vef.governor";

  explicit governor_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(governor_options options) {
    options_ = std::move(options);
    options_.capacity.try_emplace("host", machine_memory_bytes() / 10 * 8);
    for (const auto& [device, bytes] : options_.capacity) ledger_.set_capacity(device, bytes);
    self_->set_down_handler([this](caf::down_msg& msg) { on_model_died(msg); });
    return {
        [this](reserve_atom, const memory_claim& claim, const model_actor& model) {
          return reserve(claim, model);
        },
        [this](settle_atom, const memory_claim& claim) { return settle(claim); },
        [this](release_atom, const memory_claim& claim) {
          release({claim.service, claim.model});
        },
        [this](unload_atom, const unload_request& request) { return unload(request); },
        [this](status_atom) { return ledger_.status(); },
    };
  }

private:
  using key = std::pair<std::string, std::string>; // service, model

  caf::result<void> reserve(const memory_claim& claim, const model_actor& model) {
    auto granted = ledger_.reserve(claim);
    if (!granted) return to_caf(std::move(granted));
    self_->monitor(model);
    holders_[{claim.service, claim.model}] = model;
    return caf::unit;
  }

  caf::result<void> settle(const memory_claim& measured) {
    auto estimated = ledger_.held_by(measured.service, measured.model);
    if (measured.bytes > 2 * estimated && measured.bytes - estimated > 64_MiB)
      spdlog::warn("{}/{} holds {}, more than twice the {} that it was estimated at", measured.service,
                   measured.model, format_bytes(measured.bytes), format_bytes(estimated));
    return to_caf(ledger_.settle(measured));
  }

  void release(const key& who) {
    auto it = holders_.find(who);
    if (it == holders_.end()) return;
    self_->demonitor(it->second.address());
    holders_.erase(it);
    ledger_.release(who.first, who.second);
  }

  // A model's actor that dies takes its memory with it.
  void on_model_died(const caf::down_msg& msg) {
    for (const auto& [who, model] : holders_) {
      if (model.address() != msg.source) continue;
      release(key{who});
      return;
    }
  }

  caf::result<std::vector<unload_report>> unload(const unload_request& request) {
    std::vector<std::pair<key, model_actor>> targets;
    for (const auto& [who, model] : holders_)
      if ((request.service.empty() || request.service == who.first)
          && (request.model.empty() || request.model == who.second))
        targets.emplace_back(who, model);
    auto reply = self_->make_response_promise<std::vector<unload_report>>();
    auto all = std::make_shared<gathering<unload_report>>(reply, targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i)
      self_->request(targets[i].second, options_.unload_timeout, unload_atom_v, request.mode)
          .then([=](unload_report& done) { all->put(i, {std::move(done)}); },
                [=, who = targets[i].first](caf::error& why) {
                  all->put(i, {unload_report{who.first, who.second, from_caf(why), 0, 0, {}}});
                });
    return reply;
  }

  interface::pointer self_;
  governor_options options_;
  ledger ledger_;
  std::map<key, model_actor> holders_;
};

} // namespace

governor_actor spawn_governor(caf::actor_system& system, governor_options options) {
  return spawn_state<governor_machine>(system, std::move(options));
}

} // namespace vef
