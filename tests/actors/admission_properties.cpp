#include "support/catch.hpp"

#include "actors/memory_world.hpp"

#include <rapidcheck.h>

#include <set>

using namespace vef;
using namespace vef::test;

namespace {

template <class T> T any(T from, T to) { return *rc::gen::inRange<T>(from, to); }

bool once_in(int n) { return any(0, n) == 0; }

/// Five models in two services do what the governor's models do, in any order, and some of it goes wrong.
struct restless_world : memory_world {
  explicit restless_world(bool measured_as_estimated = false)
      : memory_world{{}, {.max_waiting = 6, .parallel_loads = 2, .limit = 20s}}
      , exact{measured_as_estimated} {
    for (int i = 0; i < 5; ++i) {
      auto name = std::string(1, static_cast<char>('a' + i));
      auto x = once_in(2) ? on_host(name, size()) : on_device(name, size(), size());
      x.service = i < 3 ? "s" : "t";
      if (once_in(3)) x.places = any(1u, 3u);
      if (once_in(3)) x.working_estimate = any<std::uint64_t>(1, 10);
      if (once_in(4)) x.ladder.push_back({x.tier, x.tier == tier::host ? "cuda:0" : "host", size()});
      catalog.push_back(x);
    }
  }

  bool exact;
  std::vector<load_claim> catalog;
  std::map<admission::ticket, std::pair<load_claim, residency::time_point>> waiting;
  std::map<model_key, load_grant> loads;
  std::vector<eviction_step> steps; // under way
  std::optional<residency::time_point> next;

  static std::uint64_t size() { return any<std::uint64_t>(1, 70); }
  const load_claim& one() { return catalog[any<std::size_t>(0, catalog.size())]; }
  bool asked(const model_key& who) const {
    return std::ranges::any_of(waiting, [&](const auto& x) { return x.second.first.key() == who; });
  }

  // -- what models do ---------------------------------------------------------------------------------------

  void ask(load_claim x) {
    auto known = models.find(x.key());
    if (asked(x.key()) || loads.contains(x.key())) return;
    if (known && (known->leaving || known->tier >= x.tier)) return;
    if (!known && once_in(2)) x.tier = x.ladder[0].tier; // and climbs later
    x.optional = once_in(5);
    auto got = queue.ask(x, needs_of(x, nullptr), now);
    if (got) waiting.emplace(*got, std::pair{x, now});
  }

  void finish(const model_key& who) {
    auto load = loads.extract(who);
    if (load.empty()) return;
    auto measured = load.mapped().reserved;
    for (auto* part : {&measured.weights, &measured.working})
      for (auto& x : *part)
        if (!exact) x.bytes = x.bytes * any<std::uint64_t>(50, 130) / 100;
    auto to = models.find(who)->facts.tier;
    if (!settle(who.model, measured, to, any(0, 3000) * 1ms, who.service)) die(who); // too large
  }

  void use(const model_key& who) {
    auto known = models.find(who);
    if (!known || known->tier == tier::absent) return;
    models.used({.who = who, .leased = once_in(2), .requests = 1}, now);
    if (once_in(2))
      book.grow(who, {working_device(known->facts.ladder, known->tier), any<std::uint64_t>(0, 40)});
  }

  void die(const model_key& who) {
    models.gone(who);
    loads.erase(who);
    for (auto id : queue.abandon(who)) RC_ASSERT(waiting.erase(id) == 1u);
    auto mine = [&](const eviction_step& x) { return x.who == who; };
    for (const auto& x : steps)
      if (mine(x)) models.step_ended(x, false, now);
    std::erase_if(steps, mine);
  }

  void answer(bool willing) {
    if (steps.empty()) return;
    auto i = any<std::size_t>(0, steps.size());
    auto x = steps[i];
    auto known = models.find(x.who);
    if (known && known->leased && willing) models.used({.who = x.who, .leased = false}, now);
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
    if (willing && x.to == tier::absent)
      die(x.who);
    else if (willing)
      make(x);
    else
      refuse(x);
  }

  void look() {
    auto decided = queue.advance(now);
    for (auto& [id, grant] : decided.granted) {
      auto who = waiting.at(id).first.key();
      RC_ASSERT(loads.emplace(who, grant).second);
      waiting.erase(id);
    }
    for (auto& [id, why] : decided.refused) {
      RC_ASSERT(why.code != errc::ok);
      RC_ASSERT(!why.what.empty());
      RC_ASSERT(waiting.erase(id) == 1u);
    }
    for (auto& x : decided.steps) {
      RC_ASSERT(models.find(x.who)->leaving);
      if (models.pinned(x.who)) RC_ASSERT(x.from == x.to);
      steps.push_back(x);
    }
    next = decided.next;
  }

  /// Steps for one load may be of use to those before it, which are then looked at again.
  void look_until_all_is_said() {
    for (auto known = ~std::size_t{0}; known != steps.size();) known = steps.size(), look();
  }

  void anything() {
    const auto& x = one();
    switch (any(0, 10)) {
    case 0:
    case 1: ask(x); break;
    case 2:
    case 3: finish(x.key()); break;
    case 4: use(x.key()); break;
    case 5: answer(true); break;
    case 6: answer(once_in(2)); break;
    case 7: once_in(4) ? die(x.key()) : models.pin(x.key(), once_in(3)); break;
    case 8: pass(any(0, 3000) * 1ms); break;
    case 9:
      for (auto& step : models.idle_too_long(now)) steps.push_back(start(step));
      if (once_in(3)) models.set_pressure("host", static_cast<pressure>(any(0, 6) / 2));
      break;
    }
  }

  // -- what must hold ---------------------------------------------------------------------------------------

  void check() const {
    for (const auto& x : book.status()) RC_ASSERT(x.reserved + x.resident + x.working + x.room == x.capacity);
    RC_ASSERT(queue.waiting() == waiting.size());
    RC_ASSERT(models.loading() == loads.size());
    RC_ASSERT(models.loading() <= 2u);
    for (const auto& [who, x] : models.models()) {
      RC_ASSERT(x.loading == loads.contains(who));
      RC_ASSERT(x.leaving == (std::ranges::find(steps, who, &eviction_step::who) != steps.end()));
      RC_ASSERT(x.climbing == asked(who));
    }
    for (const auto& [id, x] : waiting) RC_ASSERT(now - x.second < 20s);
    if (!waiting.empty()) RC_ASSERT(next.has_value());
    if (next) RC_ASSERT(*next > now);
  }
};

std::string picture(const restless_world& x) {
  std::string out;
  for (const auto& device : x.book.status())
    for (const auto& one : device.holdings)
      out += device.device + ' ' + one.who.model + ' ' + std::to_string(one.reserved) + ' '
             + std::to_string(one.resident) + ' ' + std::to_string(one.working) + '\n';
  for (const auto& [who, m] : x.models.models())
    out += who.model + ' ' + std::to_string(m.leaving) + std::to_string(m.loading)
           + std::to_string(m.climbing) + std::to_string(static_cast<int>(m.tier)) + '\n';
  return out + std::to_string(x.queue.waiting());
}

} // namespace

TEST_CASE("whatever the models do, the books are right and every load is answered in time") {
  REQUIRE(rc::check([] {
    restless_world world;
    for (auto n = any(0, 150); n > 0; --n) {
      world.anything();
      world.look();
      world.check();
    }
    world.pass(20s);
    world.look();
    RC_ASSERT(world.waiting.empty());
    for (const auto& x : world.catalog) world.die(x.key());
    for (const auto& x : world.book.status()) RC_ASSERT(x.room == x.capacity);
    RC_ASSERT(world.models.models().empty());
  }));
}

TEST_CASE("what will be decided later is decided at the time that was named, and nothing before") {
  REQUIRE(rc::check([] {
    restless_world world;
    for (auto n = any(0, 60); n > 0; --n) world.anything(), world.look();
    world.look_until_all_is_said();
    for (int rounds = 0; world.next; ++rounds) {
      RC_ASSERT(rounds < 60);
      auto wait = *world.next - world.now;
      auto before = world.now;
      auto steps = world.steps.size(), waiting = world.waiting.size();
      world.now = before + wait * any(0, 100) / 100;
      world.look();
      RC_ASSERT(world.steps.size() == steps);
      RC_ASSERT(world.waiting.size() == waiting);
      RC_ASSERT(world.next == before + wait);
      world.now = before + wait;
      world.look_until_all_is_said();
    }
    RC_ASSERT(world.waiting.empty());
  }));
}

TEST_CASE("models that do as they are told let every load in that does not stand behind a pin") {
  REQUIRE(rc::check([] {
    restless_world world{true};
    for (auto n = any(0, 40); n > 0; --n) world.anything(), world.look();
    for (const auto& x : world.catalog) world.models.pin(x.key(), false);
    for (auto device : {"host", "cuda:0"}) world.models.set_pressure(device, pressure::none);
    for (const auto& x : world.catalog) world.die(x.key());
    // From an empty memory on, one after the other: each finds room, whatever the others hold.
    for (auto n = any(1, 12); n > 0; --n) {
      auto x = world.one();
      if (world.models.find(x.key())) continue;
      auto grant = needs_of(x, nullptr);
      auto id = world.queue.ask(x, grant, world.now);
      if (!id) { // larger than the budget
        RC_ASSERT(
            std::ranges::any_of(sum_of(grant.reserved), [](const auto& need) { return need.bytes > 100; }));
        continue;
      }
      world.waiting.emplace(*id, std::pair{x, world.now});
      world.look();
      for (int rounds = 0; !world.loads.contains(x.key()); ++rounds) {
        RC_ASSERT(rounds < 30);
        RC_ASSERT(world.waiting.contains(*id));
        if (!world.steps.empty())
          world.answer(true);
        else
          world.now = world.next.value();
        world.look();
      }
      world.finish(x.key());
      if (once_in(3)) world.models.used({.who = x.key(), .leased = true}, world.now);
    }
  }));
}

TEST_CASE("a plan changes nothing, and comes true where everybody is idle and long enough there") {
  REQUIRE(rc::check([] {
    restless_world world;
    for (auto n = any(0, 60); n > 0; --n) world.anything(), world.look();
    auto x = world.one();
    auto before = picture(world);
    (void)world.queue.plan(x, needs_of(x, nullptr), world.now);
    RC_ASSERT(picture(world) == before);

    world.pass(1min); // all that wait are refused
    world.look();
    while (!world.steps.empty()) world.answer(true);
    while (!world.loads.empty()) world.finish(world.loads.begin()->first);
    for (const auto& [who, m] : world.models.models())
      world.models.used({.who = who, .leased = false}, world.now);
    world.pass(1min);
    auto known = world.models.find(x.key());
    auto there = known && known->tier >= x.tier;
    RC_PRE(!there);

    auto plan = world.queue.plan(x, needs_of(x, nullptr), world.now);
    auto id = world.queue.ask(x, needs_of(x, nullptr), world.now);
    if (!id) {
      RC_ASSERT(plan.refusal == id.error());
      return;
    }
    world.waiting.emplace(*id, std::pair{x, world.now});
    words went;
    auto down = false;
    world.look();
    for (; !world.steps.empty(); world.look()) {
      for (const auto& step : world.steps) {
        went.push_back(step.who.model);
        down = down || (step.to != tier::absent && step.to != step.from);
      }
      while (!world.steps.empty()) world.answer(true);
    }
    // Who goes a tier down may take there what the load wants as well: then somebody else goes after all.
    if (down) return;
    RC_ASSERT(world.loads.contains(x.key()) == !plan.refusal);
    if (plan.refusal) return;
    std::set<std::string> planned;
    for (const auto& step : plan.evictions) planned.insert(step.who.model);
    RC_ASSERT(std::set<std::string>(went.begin(), went.end()) == planned);
  }));
}
