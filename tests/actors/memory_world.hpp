#pragma once

#include <vef/actors/admission.hpp>
#include <vef/actors/ladder.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace vef::test {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

inline model_key key(const std::string& model, const std::string& service = "s") { return {service, model}; }

/// A model that lives in host memory.
inline load_claim on_host(const std::string& model, std::uint64_t bytes, const std::string& service = "s") {
  load_claim x;
  x.service = service;
  x.model = model;
  x.tier = tier::host;
  x.ladder = {{tier::host, "host", bytes}};
  return x;
}

/// A model that lives in an accelerator's memory and can wait in the host's.
inline load_claim on_device(const std::string& model, std::uint64_t host, std::uint64_t device) {
  auto x = on_host(model, host);
  x.tier = tier::device;
  x.ladder.push_back({tier::device, "cuda:0", device});
  return x;
}

/// "a" for a model that goes, "a>host" for one that goes a tier down, "a trims" for one that gives memory
/// back.
inline words told(const std::vector<eviction_step>& steps) {
  words out;
  for (const auto& x : steps)
    out.push_back(x.who.model
                  + (x.from == x.to         ? " trims"
                     : x.to == tier::absent ? ""
                                            : ">" + std::string{to_string(x.to)}));
  return out;
}

/// 100 bytes of each of two memories, and models that do what they are told when a test says so.
struct memory_world {
  explicit memory_world(residency_options stay = {}, admission_options admit = {})
      : models{book, make_eviction_policy("lru").value(), stay}
      , queue{book, models, admit} {
    book.set_capacity("host", 100);
    book.set_capacity("cuda:0", 100);
  }

  ledger book;
  residency models;
  admission queue;
  residency::time_point now = residency::time_point{} + 100h;

  void pass(std::chrono::milliseconds x) { now += x; }

  /// Is in memory from now on, `spare` of it working memory beyond what it needs at the least.
  void resident(const load_claim& x, std::uint64_t spare = 0, std::chrono::milliseconds took = 0ms) {
    auto grant = needs_of(x, nullptr);
    auto working = grant.reserved.working;
    if (spare > 0 && working.empty()) working.push_back({working_device(x.ladder, x.tier), 0});
    if (spare > 0) working[0].bytes += spare;
    if (!book.reserve(x.key(), sum_of(grant.reserved))) throw std::logic_error{"no room for " + x.model};
    models.granted(x, grant, now);
    settle(x.model, {grant.reserved.weights, working}, x.tier, took, x.service);
  }

  bool settle(const std::string& model, const model_memory& measured, tier in = tier::host,
              std::chrono::milliseconds took = 0ms, const std::string& service = "s") {
    if (!book.settle(key(model, service), measured)) return false;
    models.settled({.who = key(model, service), .tier = in, .measured = measured, .took = took}, now);
    return true;
  }

  void use(const std::string& model, bool leased, std::optional<std::chrono::milliseconds> keep_alive = {}) {
    models.used({.who = key(model), .leased = leased, .requests = 1, .keep_alive = keep_alive}, now);
  }
  void busy(const std::string& model) { use(model, true); }
  void idle(const std::string& model) { use(model, false); }

  // -- what would go ----------------------------------------------------------------------------------------

  words for_room(std::uint64_t bytes, urgency how = urgency::load, const std::string& device = "host") const {
    return told(models.make_room(key("new"), {{device, bytes}}, how, now).steps);
  }
  words idle_for_long() const { return told(models.idle_too_long(now)); }

  eviction_step start(eviction_step x) {
    models.step_started(x);
    return x;
  }
  eviction_step start_out(const std::string& model) { return start(models.step_out(key(model)).value()); }
  void refuse(const eviction_step& x) { models.step_ended(x, false, now); }

  /// The model has done it, and the ledger hears of it as it does of the governor.
  void make(const eviction_step& x) {
    auto known = models.find(x.who);
    if (x.from == x.to && x.to != tier::absent) {
      models.step_ended(x, true, now);
      for (const auto& freed : x.frees)
        book.shrink(x.who, {freed.device, book.held(x.who, freed.device).working - freed.bytes});
    } else if (x.to == tier::absent) {
      models.gone(x.who);
      models.step_ended(x, true, now);
    } else {
      settle(x.who.model, {needs_of(known->facts.ladder, x.to), {}}, x.to, 0ms, x.who.service);
      models.step_ended(x, true, now);
    }
  }
  void make_all(const std::vector<eviction_step>& steps) {
    for (const auto& x : steps) make(x);
  }
};

} // namespace vef::test
