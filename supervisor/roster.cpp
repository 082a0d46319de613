#include <vef/supervisor/roster.hpp>

#include <vef/messages/suggest.hpp>
#include <vef/supervisor/start_order.hpp>

#include <algorithm>
#include <ranges>
#include <set>

namespace vef {

namespace {

using state = service_state;

bool is(const roster::entry& x, std::initializer_list<state> any_of) {
  return std::ranges::find(any_of, x.state) != any_of.end();
}

bool at_rest(const roster::entry& x) { return is(x, {state::stopped, state::failed}); }

template <class Condition>
std::vector<std::string> names_of(const std::list<roster::entry>& entries, Condition matches) {
  std::vector<std::string> out;
  for (const auto& x : entries)
    if (matches(x)) out.push_back(x.spec.name);
  return out;
}

std::string titled(const std::string& name) { return "service " + quoted(name); }

result<void> unless_needed_by(const std::vector<std::string>& users, const std::string& name) {
  std::string text;
  for (const auto& user : users) text += (text.empty() ? "" : ", ") + quoted(user);
  if (!users.empty()) return fail(errc::in_use, titled(name) + " is needed by " + text);
  return {};
}

} // namespace

bool roster::entry::needs(const std::string& service) const {
  return std::ranges::find(spec.dependencies, service) != spec.dependencies.end();
}

// -- what is asked for --------------------------------------------------------------------------------------

result<void> roster::add_all(std::vector<service_spec> specs) {
  for (const auto& spec : specs) {
    if (spec.name.empty()) return fail(errc::invalid_argument, "a service needs a name");
    if (auto good = validate(spec.restart); !good)
      return fail(good.error().code, titled(spec.name) + ": " + good.error().what);
  }
  auto together = specs;
  for (const auto& x : entries_) {
    auto again = std::ranges::find(specs, x.spec.name, &service_spec::name) != specs.end();
    if (!again || x.state != state::failed) together.push_back(x.spec);
  }
  if (auto order = start_order(together); !order) return fail(order.error());

  for (auto& spec : specs) {
    if (spec.backend.empty()) spec.backend = spec.name;
    auto x = at(spec.name);
    if (!x) x = &entries_.emplace_back();
    restart_policy restarts{spec.restart, seeds_()};
    *x = entry{.spec = std::move(spec), .restarts = std::move(restarts)};
    x->wanted = x->spec.auto_start;
  }
  for (auto& x : entries_)
    if (x.wanted && x.state != state::failed) pull_in(x);
  return {};
}

// What is wanted has pulled in what it needs already, except for what failed since, which is wanted itself:
// so nothing is walked twice.
void roster::pull_in(entry& x) {
  x.wanted = true;
  if (x.state == state::stopped) x.state = state::waiting;
  for (const auto& need : x.spec.dependencies)
    if (auto y = at(need); !y->wanted) pull_in(*y);
}

result<void> roster::want(const std::string& name) {
  if (auto good = exists(name); !good) return good;
  auto& x = *at(name);
  if (x.state == state::failed)
    return fail(errc::unavailable, titled(name) + ' ' + condition_of(x) + "; reset it first");
  if (x.wanted) return fail(errc::in_use, titled(name) + ' ' + condition_of(x));
  if (auto need = failed_need(name))
    return fail(errc::unavailable, titled(name) + " needs " + titled(need->spec.name) + ", which "
                                       + condition_of(*need) + "; reset that one first");
  pull_in(x);
  return {};
}

result<void> roster::can_stop(const std::string& name) const {
  if (auto good = exists(name); !good) return good;
  const auto& x = *find(name);
  if (at_rest(x) || !x.wanted) return fail(errc::invalid_argument, titled(name) + ' ' + condition_of(x));
  auto users = names_of(entries_, [&](const entry& y) { return y.needs(name) && !at_rest(y); });
  return unless_needed_by(users, name);
}

result<void> roster::can_remove(const std::string& name) const {
  if (auto good = exists(name); !good) return good;
  return unless_needed_by(dependants_of(name), name);
}

result<void> roster::reset(const std::string& name) {
  if (auto good = exists(name); !good) return good;
  auto& x = *at(name);
  if (!is(x, {state::failed, state::restarting}))
    return fail(errc::invalid_argument, titled(name) + ' ' + condition_of(x)
                                            + "; only one that failed or is restarting can be reset");
  x.restarts.reset();
  x.state = state::waiting;
  x.reason = {};
  pull_in(x);
  return {};
}

result<void> roster::remove(const std::string& name) {
  if (auto good = can_remove(name); !good) return good;
  std::erase_if(entries_, [&](const entry& x) { return x.spec.name == name; });
  return {};
}

// -- what happens -------------------------------------------------------------------------------------------

void roster::starting(const std::string& name) {
  if (auto x = at(name, {state::waiting})) {
    x->state = state::starting;
    x->started_as = ++starts_;
  }
}

void roster::running(const std::string& name) {
  if (auto x = at(name, {state::starting})) {
    x->state = state::running;
    x->has_run = true;
    x->reason = {};
  }
}

void roster::stopping(const std::string& name) {
  auto x = at(name);
  if (!x || at_rest(*x)) return;
  x->state = state::stopping;
  x->wanted = false;
  x->reason = {};
}

void roster::stopped(const std::string& name) {
  if (auto x = at(name, {state::stopping})) x->state = x->wanted ? state::waiting : state::stopped;
}

roster::loss roster::start_failed(const std::string& name, error why, time_point now) {
  auto x = at(name, {state::starting});
  if (!x) return {};
  auto again = x->has_run || retryable(why.code);
  return lose(*x, std::move(why), again, now);
}

roster::loss roster::died(const std::string& name, error why, time_point now) {
  auto x = at(name, {state::running});
  return x ? lose(*x, std::move(why), true, now) : loss{};
}

roster::loss roster::lose(entry& x, error why, bool again, time_point now) {
  x.reason = std::move(why);
  auto pause = again ? x.restarts.died(now) : std::nullopt;
  x.state = pause ? state::restarting : state::failed;
  if (pause) x.next_start = now + *pause;
  return {!pause, pause.value_or(std::chrono::milliseconds{0}), stop_with(x.spec.name)};
}

std::vector<std::string> roster::stop_with(const std::string& lost) {
  std::set<std::string> all{lost};
  auto order = stop_order();
  for (const auto& name : order | std::views::reverse) {
    auto x = at(name, {state::starting, state::running});
    if (!x || !x->spec.restart.with_dependencies) continue;
    if (std::ranges::none_of(x->spec.dependencies, [&](const auto& need) { return all.contains(need); }))
      continue;
    x->state = state::stopping;
    all.insert(name);
  }
  std::erase_if(order, [&](const std::string& name) { return !all.contains(name); });
  return order;
}

std::vector<std::string> roster::due(time_point now) {
  auto out =
      names_of(entries_, [&](const entry& x) { return x.state == state::restarting && x.next_start <= now; });
  for (const auto& name : out) at(name)->state = state::waiting;
  return out;
}

std::optional<roster::time_point> roster::next_due() const {
  std::optional<time_point> next;
  for (const auto& x : entries_)
    if (x.state == state::restarting && (!next || x.next_start < *next)) next = x.next_start;
  return next;
}

// -- decisions and looks ------------------------------------------------------------------------------------

std::vector<std::string> roster::startable() const {
  auto out = names_of(entries_, [this](const entry& x) { return x.state == state::waiting && !missing(x); });
  std::ranges::sort(out, {}, [this](const std::string& name) {
    return std::pair{find(name)->spec.startup_priority, name};
  });
  return out;
}

// Those that do nothing take part: who runs may need another one that runs through one of them.
std::vector<std::string> roster::stop_order() const {
  auto active = [](const entry& x) { return is(x, {state::starting, state::running, state::stopping}); };
  std::vector<const entry*> left;
  for (const auto& x : entries_) left.push_back(&x);
  std::ranges::sort(left, std::greater{}, [&](const entry* x) {
    return std::pair{!active(*x), x->started_as};
  });
  std::vector<std::string> out;
  while (!left.empty()) {
    auto next = std::ranges::find_if(left, [&](const entry* x) {
      return std::ranges::none_of(left, [&](const entry* y) { return y->needs(x->spec.name); });
    });
    if (active(**next)) out.push_back((*next)->spec.name);
    left.erase(next);
  }
  return out;
}

const roster::entry* roster::find(const std::string& name) const {
  auto it = std::ranges::find(entries_, name, [](const entry& x) { return x.spec.name; });
  return it == entries_.end() ? nullptr : &*it;
}

roster::entry* roster::at(const std::string& name, states in) {
  auto x = at(name);
  return x && is(*x, in) ? x : nullptr;
}

result<void> roster::exists(const std::string& name) const {
  if (!find(name)) return fail(errc::unknown_service, unknown("service", name, names()));
  return {};
}

const roster::entry* roster::missing(const entry& x) const {
  for (const auto& need : x.spec.dependencies)
    if (auto y = find(need); y->state != state::running) return y;
  return nullptr;
}

std::vector<std::string> roster::names() const {
  return names_of(entries_, [](const entry&) { return true; });
}

std::vector<std::string> roster::dependants_of(const std::string& name) const {
  return names_of(entries_, [&](const entry& x) { return x.needs(name); });
}

const roster::entry* roster::failed_need(const std::string& name) const {
  if (!find(name)) return nullptr;
  std::vector<const entry*> seen{find(name)};
  for (std::size_t i = 0; i < seen.size(); ++i)
    for (const auto& need : seen[i]->spec.dependencies) {
      auto x = find(need);
      if (x->state == state::failed) return x;
      if (!is(*x, {state::starting, state::running}) && std::ranges::find(seen, x) == seen.end())
        seen.push_back(x);
    }
  return nullptr;
}

error roster::blocked_by(const std::string& name) const {
  auto x = find(name);
  if (!x || x->state != state::waiting) return {};
  auto cause = failed_need(name);
  if (!cause) cause = missing(*x);
  if (!cause) return {};
  return {errc::unavailable, "it needs " + titled(cause->spec.name) + ", which " + condition_of(*cause)};
}

std::string roster::condition_of(const entry& x) const {
  switch (x.state) {
  case state::waiting: break;
  case state::starting: return "is starting";
  case state::running: return "runs already";
  case state::stopping: return x.wanted ? "is being stopped, to start again" : "is being stopped";
  case state::stopped: return "is stopped";
  case state::failed: return "failed: " + x.reason.what;
  case state::restarting: return "is restarting";
  }
  auto why = blocked_by(x.spec.name);
  return why ? "waits: " + why.what : "is about to start";
}

} // namespace vef
