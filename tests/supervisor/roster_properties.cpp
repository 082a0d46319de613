#include "support/catch.hpp"

#include <vef/supervisor/roster.hpp>
#include <vef/supervisor/start_order.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <set>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;

// From the whole range in the first histories, too, which would else be short and of few kinds of events.
template <class T> T any(T from, T to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, to));
}

bool once_in(int n) { return any(0, n) == 0; }

bool is(const roster::entry& x, std::initializer_list<service_state> states) {
  return std::ranges::find(states, x.state) != states.end();
}

/// Services come and go, start, fail, die, are stopped and reset, in any order.
struct restless_world : roster {
  roster::time_point now{};
  std::map<std::string, service_state> before; // the last event

  restless_world()
      : roster{any<std::uint64_t>(0, 1000)} {}

  // -- what holds, told apart from how it is kept -----------------------------------------------------------

  const entry& one(const std::string& name) const { return *find(name); }

  bool needs_run(const entry& x) const {
    return std::ranges::all_of(x.spec.dependencies, [this](const std::string& need) {
      return one(need).state == service_state::running;
    });
  }

  bool reaches(const entry& from, const std::string& to) const {
    return std::ranges::any_of(from.spec.dependencies,
                               [&](const std::string& need) { return need == to || reaches(one(need), to); });
  }

  /// Behind a failed one, and not past it already.
  bool hopeless(const entry& x) const {
    return std::ranges::any_of(x.spec.dependencies, [this](const std::string& need) {
      const auto& y = one(need);
      if (is(y, {service_state::running, service_state::starting})) return false;
      return y.state == service_state::failed || hopeless(y);
    });
  }

  bool goes_down_with(const entry& x, const std::string& lost) const {
    return x.spec.restart.with_dependencies
           && (before.at(x.spec.name) == service_state::running
               || before.at(x.spec.name) == service_state::starting)
           && std::ranges::any_of(x.spec.dependencies, [&](const std::string& need) {
                return need == lost || goes_down_with(one(need), lost);
              });
  }

  // -- what is asked for ------------------------------------------------------------------------------------

  std::string some_name() const { return "s" + std::to_string(any(0, 9)); }

  words in(std::initializer_list<service_state> any_of) const {
    words out;
    for (const auto& x : entries())
      if (is(x, any_of)) out.push_back(x.spec.name);
    return out;
  }

  service_spec some_spec() const {
    service_spec x{.name = once_in(40) ? "" : some_name()};
    auto known = names();
    for (auto n = any(0, 3); n > 0; --n)
      x.dependencies.push_back(known.empty() || once_in(5) ? some_name()
                                                           : known[any<std::size_t>(0, known.size())]);
    x.startup_priority = any(0, 3);
    x.auto_start = !once_in(3);
    x.restart.with_dependencies = once_in(2);
    x.restart.most = any(0u, 4u);
    return x;
  }

  void add_some() {
    std::vector<service_spec> specs;
    for (auto n = once_in(3) ? any(1, 5) : 1; n > 0; --n) specs.push_back(some_spec());
    auto all = specs;
    std::set<std::string> mine, taken;
    auto twice = false;
    for (const auto& x : specs) twice = !mine.insert(x.name).second || twice;
    for (const auto& x : entries()) {
      auto replaced = x.state == service_state::failed && mine.contains(x.spec.name);
      twice = twice || (mine.contains(x.spec.name) && !replaced);
      if (!replaced) all.push_back(x.spec), taken.insert(x.spec.name);
    }
    taken.merge(mine);
    words strangers;
    for (const auto& x : specs)
      for (const auto& need : x.dependencies)
        if (!taken.contains(need)) strangers.push_back(need);

    auto known = names();
    auto added = add_all(specs);
    if (added) {
      RC_ASSERT(!twice);
      RC_ASSERT(strangers.empty());
      for (const auto& x : specs) RC_ASSERT(one(x.name).spec.dependencies == x.dependencies);
      return;
    }
    RC_ASSERT(names() == known);
    auto says = [&](const std::string& word) { return added.error().what.find(word) != std::string::npos; };
    auto nameless = std::ranges::any_of(specs, [](const auto& x) { return x.name.empty(); });
    RC_ASSERT((added.error().code == errc::invalid_argument) == nameless);
    if (nameless) return;
    RC_ASSERT((added.error().code == errc::duplicate_name) == twice);
    if (twice) {
      RC_ASSERT(std::ranges::any_of(specs, [&](const auto& x) { return says(quoted(x.name)); }));
      return;
    }
    RC_ASSERT((added.error().code == errc::unknown_service) == !strangers.empty());
    if (!strangers.empty()) {
      RC_ASSERT(std::ranges::any_of(strangers, [&](const auto& x) { return says(quoted(x)); }));
      return;
    }
    check_circle(added.error(), all);
  }

  /// "...: a -> b -> a", and each of these does need the next.
  static void check_circle(const error& x, const std::vector<service_spec>& all) {
    RC_ASSERT(x.code == errc::invalid_config);
    words circle;
    for (auto rest = x.what.substr(x.what.find(": ") + 2);;) {
      auto end = rest.find(" -> ");
      circle.push_back(rest.substr(0, end));
      if (end == std::string::npos) break;
      rest = rest.substr(end + 4);
    }
    RC_ASSERT(circle.size() > 1u);
    RC_ASSERT(circle.front() == circle.back());
    for (std::size_t i = 0; i + 1 < circle.size(); ++i) {
      auto spec = std::ranges::find(all, circle[i], &service_spec::name);
      RC_ASSERT(spec != all.end());
      RC_ASSERT(std::ranges::find(spec->dependencies, circle[i + 1]) != spec->dependencies.end());
    }
  }

  void want_one() {
    auto name = some_name();
    auto x = find(name);
    auto expected = !x                                  ? errc::unknown_service
                    : x->state == service_state::failed ? errc::unavailable
                    : x->wanted                         ? errc::in_use
                    : hopeless(*x)                      ? errc::unavailable
                                                        : errc::ok;
    auto wanted = want(name);
    RC_ASSERT((wanted ? errc::ok : wanted.error().code) == expected);
    if (wanted) RC_ASSERT(find(name)->wanted);
  }

  void stop_one() {
    auto name = some_name();
    auto allowed = can_stop(name);
    if (!allowed) return;
    for (const auto& user : dependants_of(name))
      RC_ASSERT(is(one(user), {service_state::stopped, service_state::failed}));
    stopping(name);
    if (once_in(2)) stopped(name);
  }

  void remove_one() {
    auto name = some_name();
    auto free = find(name) && dependants_of(name).empty();
    RC_ASSERT(can_remove(name).has_value() == free);
    RC_ASSERT(remove(name).has_value() == free);
    RC_ASSERT(!free || !find(name));
  }

  void reset_one() {
    auto name = some_name();
    auto sick = find(name) && is(one(name), {service_state::failed, service_state::restarting});
    RC_ASSERT(reset(name).has_value() == sick);
    if (sick) RC_ASSERT(is(one(name), {service_state::waiting}));
  }

  // -- what happens -----------------------------------------------------------------------------------------

  template <class Do> void with_one(const words& names, Do act) {
    if (!names.empty()) act(names[any<std::size_t>(0, names.size())]);
  }

  void check_loss(const std::string& name, const loss& x) {
    RC_ASSERT(one(name).state == (x.given_up ? service_state::failed : service_state::restarting));
    if (!x.given_up) RC_ASSERT(one(name).next_start == now + x.pause);
    for (const auto& y : entries()) {
      auto told = std::ranges::find(x.to_stop, y.spec.name) != x.to_stop.end();
      RC_ASSERT(told == (y.spec.name != name && goes_down_with(y, name)));
      if (told) RC_ASSERT((y.state == service_state::stopping && y.wanted));
      if (!told && y.spec.name != name) RC_ASSERT(y.state == before.at(y.spec.name));
    }
    check_order(x.to_stop);
  }

  void fail_start(const std::string& name) {
    error why{once_in(2) ? errc::load_failed : errc::unavailable, "no"};
    auto again = one(name).has_run || retryable(why.code);
    auto x = start_failed(name, why, now);
    if (!again) RC_ASSERT(x.given_up);
    RC_ASSERT(x.to_stop.empty());
    check_loss(name, x);
  }

  void pass(std::chrono::milliseconds time) {
    now += time;
    for (const auto& name : due(now)) RC_ASSERT(before.at(name) == service_state::restarting);
    RC_ASSERT(!next_due() || *next_due() > now);
  }

  void start_all() {
    for (auto next = startable(); !next.empty(); next = startable())
      for (const auto& name : next) starting(name), running(name);
  }

  void anything() {
    before.clear();
    for (const auto& x : entries()) before[x.spec.name] = x.state;
    switch (any(0, 17)) {
    case 0:
    case 1: return add_some();
    case 2: return want_one();
    case 3: return stop_one();
    case 4: return remove_one();
    case 5: return reset_one();
    case 6:
    case 7:
    case 8: return with_one(startable(), [this](auto name) { starting(name); });
    case 9:
    case 10:
    case 11: return with_one(in({service_state::starting}), [this](auto name) { running(name); });
    case 12: return with_one(in({service_state::starting}), [this](auto name) { fail_start(name); });
    case 13:
      return with_one(in({service_state::running}), [this](auto name) {
        check_loss(name, died(name, {errc::internal, "boom"}, now));
      });
    case 14: return with_one(in({service_state::stopping}), [this](auto name) { stopped(name); });
    case 15: return start_all();
    default: return pass(any(0, 20000) * 1ms);
    }
  }

  // -- what is always so ------------------------------------------------------------------------------------

  void check_order(const words& order) const {
    for (std::size_t i = 0; i < order.size(); ++i)
      for (std::size_t k = i + 1; k < order.size(); ++k) RC_ASSERT(!reaches(one(order[k]), order[i]));
  }

  /// Two neighbours that could change places stand in the order of their starts.
  void check_latest_first(const words& order) const {
    for (std::size_t i = 1; i < order.size(); ++i) {
      const auto &x = one(order[i - 1]), &y = one(order[i]);
      RC_ASSERT((reaches(x, y.spec.name) || x.started_as >= y.started_as));
    }
  }

  void check_startable() const {
    auto ready = startable();
    for (const auto& x : entries()) {
      auto listed = std::ranges::count(ready, x.spec.name);
      RC_ASSERT(listed == (x.state == service_state::waiting && needs_run(x) ? 1 : 0));
      RC_ASSERT(static_cast<bool>(blocked_by(x.spec.name)) == (x.state == service_state::waiting && !listed));
      RC_ASSERT((failed_need(x.spec.name) != nullptr) == hopeless(x));
    }
    for (std::size_t i = 1; i < ready.size(); ++i) {
      const auto &x = one(ready[i - 1]).spec, &y = one(ready[i]).spec;
      RC_ASSERT((x.startup_priority < y.startup_priority
                 || (x.startup_priority == y.startup_priority && x.name < y.name)));
    }
  }

  void check() const {
    std::vector<service_spec> specs;
    for (const auto& x : entries()) specs.push_back(x.spec);
    RC_ASSERT(start_order(specs).has_value());
    check_startable();
    auto active = in({service_state::starting, service_state::running, service_state::stopping});
    auto order = stop_order();
    check_order(order);
    check_latest_first(order);
    std::ranges::sort(order), std::ranges::sort(active);
    RC_ASSERT(order == active);
    for (const auto& name : in({service_state::restarting}))
      RC_ASSERT((next_due() && *next_due() <= one(name).next_start));
    for (const auto& x : entries()) {
      if (x.state != service_state::stopping) RC_ASSERT(x.wanted == (x.state != service_state::stopped));
      if (!x.wanted || x.state == service_state::failed) continue;
      for (const auto& need : x.spec.dependencies) RC_ASSERT(one(need).wanted);
    }
  }

  /// Nothing fails any more, and time passes.
  void settle() {
    for (int rounds = 0;; ++rounds) {
      RC_ASSERT(rounds < 100);
      for (const auto& name : in({service_state::stopping})) stopped(name);
      for (const auto& name : startable()) starting(name);
      auto made = in({service_state::starting});
      for (const auto& name : made) running(name);
      if (made.empty() && !next_due()) return;
      if (made.empty()) due(*next_due());
    }
  }
};

restless_world after_anything(int events) {
  restless_world world;
  for (auto n = any(0, events); n > 0; --n) {
    world.anything();
    world.check();
  }
  return world;
}

} // namespace

TEST_CASE("whatever happens to services, none starts before what it needs and none is lost") {
  REQUIRE(rc::check([] {
    auto world = after_anything(150);
    auto wanted = world;
    world.settle();
    world.check();
    for (const auto& x : world.entries()) {
      auto was = *wanted.find(x.spec.name);
      RC_ASSERT(x.wanted == was.wanted);
      auto expected = !was.wanted                                             ? service_state::stopped
                      : was.state == service_state::failed                    ? service_state::failed
                      : world.hopeless(x) && !is(x, {service_state::running}) ? service_state::waiting
                                                                              : service_state::running;
      RC_ASSERT(x.state == expected);
    }
  }));
}

TEST_CASE("once all that failed is reset and nothing fails any more, all that is wanted runs") {
  REQUIRE(rc::check([] {
    auto world = after_anything(100);
    for (const auto& name : world.in({service_state::failed})) RC_ASSERT(world.reset(name).has_value());
    world.settle();
    for (const auto& x : world.entries())
      RC_ASSERT(x.state == (x.wanted ? service_state::running : service_state::stopped));
  }));
}

TEST_CASE("services can all be stopped and forgotten one after the other in their order") {
  REQUIRE(rc::check([] {
    auto world = after_anything(100);
    world.settle();
    for (const auto& name : world.in({service_state::waiting})) world.stopping(name), world.stopped(name);
    for (const auto& name : world.stop_order()) {
      RC_ASSERT(world.can_stop(name).has_value());
      world.stopping(name);
      world.stopped(name);
    }
    RC_ASSERT(world.stop_order().empty());
    RC_ASSERT(world.startable().empty());
    std::vector<service_spec> specs;
    for (const auto& x : world.entries()) specs.push_back(x.spec);
    auto order = start_order(specs).value();
    for (auto name = order.rbegin(); name != order.rend(); ++name) RC_ASSERT(world.remove(*name).has_value());
    RC_ASSERT(world.entries().empty());
  }));
}
