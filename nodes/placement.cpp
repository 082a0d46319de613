#include <vef/nodes/placement.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

namespace vef {

namespace {

using std::chrono::microseconds;
using exact = std::chrono::duration<double, std::micro>;
using names = std::set<std::string>;

constexpr microseconds usual_image_time{20'000}; // where no node has answered yet
constexpr std::size_t most_named = 8;            // of nodes in an error: a cluster may have hundreds
constexpr auto most_bytes = std::numeric_limits<std::uint64_t>::max();

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

bool has_all(const std::vector<std::string>& have, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& x) { return contains(have, x); });
}

bool fits_pattern(std::string_view pattern, std::string_view text) {
  // On a mismatch the last star takes one letter more: those before it never have to be tried again.
  constexpr auto none = std::string_view::npos;
  std::size_t p = 0, t = 0, star = none, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*')
      star = p++, taken = t;
    else if (p < pattern.size() && pattern[p] == text[t])
      ++p, ++t;
    else if (star != none)
      p = star + 1, t = ++taken;
    else
      return false;
  }
  return pattern.find_first_not_of('*', p) == none;
}

// -- hashing ------------------------------------------------------------------------------------------------

// FNV-1a (G. Fowler, L. Noll, K.-P. Vo), 64 bits.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t out = 0xCBF29CE484222325;
  for (auto c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return out;
}

// The finaliser of splitmix64 (S. Vigna, public domain).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// -- time and room ------------------------------------------------------------------------------------------

microseconds mean_image_time(std::span<const place_candidate> all) {
  exact sum{};
  auto known = 0;
  for (const auto& x : all)
    if (x.image_time > microseconds{0}) sum += x.image_time, ++known;
  return known == 0 ? usual_image_time : std::chrono::duration_cast<microseconds>(sum / known);
}

// `usual`: of nodes whose image_time is not known.
microseconds time_of(const place_candidate& x, double pictures, microseconds usual) {
  constexpr exact longest{1e15}; // 30 years, so that a report's odd numbers can't overflow
  auto each = x.image_time > microseconds{0} ? x.image_time : usual;
  return std::chrono::duration_cast<microseconds>(std::min(longest, pictures * exact{each}));
}

std::uint64_t bytes_on(const std::vector<device_bytes>& all, const std::string& device) {
  std::uint64_t out = 0;
  for (const auto& x : all)
    if (x.device == device) out += std::min(x.bytes, most_bytes - out);
  return out;
}

const device_room* device_of(const place_candidate& x, const std::string& name) {
  auto found = std::ranges::find(x.devices, name, &device_room::device);
  return found == x.devices.end() ? nullptr : &*found;
}

// What decided loads leave of a device, and of its idle models.
std::uint64_t left_of(const place_candidate& x, const device_room& device, bool evicting) {
  auto have = device.room;
  if (evicting) have += std::min(device.idle, most_bytes - have);
  return have - std::min(have, bytes_on(x.pending, device.device));
}

// What is left of the fullest device after the load; nothing if it does not fit.
std::optional<std::uint64_t> spare_room(const place_candidate& x, bool evicting) {
  auto out = most_bytes;
  for (const auto& need : x.needs) {
    auto device = device_of(x, need.device);
    auto left = device ? left_of(x, *device, evicting) : 0;
    auto bytes = bytes_on(x.needs, need.device);
    if (bytes > left) return {};
    out = std::min(out, left - bytes);
  }
  return out;
}

// -- who is asked for ---------------------------------------------------------------------------------------

bool is_wished(const place_candidate& x, const place_request& asked) {
  return (asked.node.empty() || x.node == asked.node) && has_all(x.labels, asked.labels);
}

bool is_offered(const place_candidate& x, const place_request& asked) {
  return x.offers && (asked.service.empty() || x.service == asked.service);
}

bool is_allowed(const place_candidate& x, const placement_rule* rule) {
  return !rule || ((rule->nodes.empty() || contains(rule->nodes, x.node)) && has_all(x.labels, rule->labels));
}

std::string listed(const auto& all) {
  std::string out;
  for (std::size_t count = 0; const auto& x : all) {
    if (count++ == most_named) return out + " and " + std::to_string(all.size() - most_named) + " more";
    out += (out.empty() ? "" : ", ") + vef::quoted(x);
  }
  return out;
}

std::string model_text(const place_request& asked) {
  return "model " + vef::quoted(asked.model)
         + (asked.service.empty() ? "" : " of service " + vef::quoted(asked.service));
}

// The text after "there is no node 'x'": what there is instead.
std::string others(const names& all) { return all.empty() ? " nor any other" : "; there are " + listed(all); }

result<void> check_wish(std::span<const place_candidate> candidates, const place_request& asked) {
  if (asked.node.empty() && asked.labels.empty()) return {};
  if (std::ranges::any_of(candidates, [&](const auto& x) { return is_wished(x, asked); })) return {};
  auto bad = [](std::string what) { return fail(errc::invalid_argument, std::move(what)); };
  names nodes, labels;
  for (const auto& x : candidates) nodes.insert(x.node), labels.insert(x.labels.begin(), x.labels.end());
  auto node = "node " + vef::quoted(asked.node);
  if (!asked.node.empty() && !nodes.contains(asked.node)) return bad("there is no " + node + others(nodes));
  for (const auto& x : asked.labels)
    if (!labels.contains(x)) return bad("no node has the label " + vef::quoted(x) + others(labels));
  auto who = asked.node.empty() ? "no node has" : node + " does not have";
  return bad(who + " all of the labels " + listed(asked.labels));
}

error nobody_offers(std::span<const place_candidate> candidates, const place_request& asked) {
  names offering;
  for (const auto& x : candidates)
    if (is_offered(x, asked)) offering.insert(x.node);
  auto who = !asked.node.empty()    ? "node " + vef::quoted(asked.node) + " does not offer "
             : asked.labels.empty() ? std::string{"no node offers "}
                                    : std::string{"no node with these labels offers "};
  auto instead = offering.empty() ? "" : "; offered by " + listed(offering);
  return {errc::unknown_model, who + model_text(asked) + instead};
}

// The first four in the order of preference.
enum class standing : std::uint8_t { ready, loading, fits, evicts, no_room, has, read_only, tried, down };

using standings = std::vector<std::pair<standing, std::size_t>>; // of the candidate with this index

standing standing_of(const place_candidate& x, const place_request& asked, const names& holders) {
  if (contains(asked.refused_by, x.node)) return standing::tried;
  if (!x.usable) return standing::down;
  if (asked.replica && holders.contains(x.node)) return standing::has;
  if (x.ready) return standing::ready;
  if (x.loading) return standing::loading;
  if (!x.may_load) return standing::read_only;
  if (spare_room(x, false)) return standing::fits;
  return !asked.replica && spare_room(x, true) ? standing::evicts : standing::no_room;
}

std::string lack_of(const place_candidate& x, bool evicting) {
  for (const auto& need : x.needs) {
    auto needs = ", needs " + format_bytes(bytes_on(x.needs, need.device));
    auto device = device_of(x, need.device);
    if (!device) return " has no device " + vef::quoted(need.device) + needs + " there";
    if (bytes_on(x.needs, need.device) <= left_of(x, *device, evicting)) continue;
    auto free = left_of(x, *device, false), idle = left_of(x, *device, true) - free;
    return " has " + format_bytes(free) + " free and " + format_bytes(idle) + " idle of "
           + format_bytes(device->capacity) + " on " + need.device + needs;
  }
  return " has no room";
}

std::string clause(const place_candidate& x, standing how, bool replica) {
  auto node = "node " + vef::quoted(x.node);
  switch (how) {
  case standing::no_room: return node + lack_of(x, !replica);
  case standing::has: return node + " has it already";
  case standing::read_only: return node + " is read-only";
  case standing::tried: return node + " was tried and could not";
  default: return node + (x.why_not.empty() ? " can't be used" : ": " + x.why_not);
  }
}

error nobody_can(std::span<const place_candidate> candidates, const place_request& asked,
                 const standings& all) {
  auto count = [&](standing x) { return std::ranges::count(all, x, &standings::value_type::first); };
  auto code = count(standing::no_room) + count(standing::has) > 0 ? errc::over_budget
              : count(standing::read_only) == std::ssize(all)     ? errc::not_allowed
                                                                  : errc::unavailable;
  std::string text = code == errc::over_budget   ? "no node has room for "
                     : code == errc::not_allowed ? "no node lets others load "
                                                 : "no node can be used that offers ";
  text += (asked.replica ? "one more of " : "") + model_text(asked);
  for (std::size_t i = 0; i < std::min(all.size(), most_named); ++i)
    text += (i == 0 ? ": " : "; ") + clause(candidates[all[i].second], all[i].first, asked.replica);
  if (all.size() > most_named) text += "; and so on at " + std::to_string(all.size() - most_named) + " more";
  return {code, text};
}

} // namespace

const placement_rule* rule_for(std::span<const placement_rule> rules, std::string_view model) {
  auto found = std::ranges::find_if(rules, [&](const auto& x) { return fits_pattern(x.model, model); });
  return found == rules.end() ? nullptr : &*found;
}

std::string owner_of(std::string_view model, std::span<const std::string> members) {
  const std::string* best = nullptr;
  std::uint64_t highest = 0;
  for (const auto& x : members) {
    auto hash = mixed(fnv1a(model) ^ mixed(fnv1a(x)));
    if (!best || std::tie(hash, x) > std::tie(highest, *best)) best = &x, highest = hash;
  }
  return best ? *best : std::string{};
}

std::optional<route> choose_route(std::span<const place_candidate> candidates, std::uint32_t pictures,
                                  std::mt19937_64& dice, const place_request& wish) {
  std::vector<std::size_t> able;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& x = candidates[i];
    if (x.usable && x.ready && is_wished(x, wish) && (wish.service.empty() || x.service == wish.service)
        && !contains(wish.refused_by, x.node))
      able.push_back(i);
  }
  if (able.empty()) return {};
  auto usual = mean_image_time(candidates);
  auto draw = [&](std::size_t from) {
    auto at = std::uniform_int_distribution<std::size_t>{from, able.size() - 1}(dice);
    std::swap(able[from], able[at]);
    const auto& x = candidates[able[from]];
    return route{able[from], time_of(x, static_cast<double>(x.queued) + pictures, usual)};
  };
  auto a = draw(0), b = draw(able.size() > 1 ? 1 : 0);
  auto key = [&](const route& x) { return std::tuple{x.wait, !candidates[x.candidate].here}; };
  return key(b) < key(a) ? b : a;
}

result<std::size_t> choose_load(std::span<const place_candidate> candidates, const place_request& asked,
                                const placement_rule* rule) {
  if (auto ok = check_wish(candidates, asked); !ok) return fail(ok.error());
  names holders;
  for (const auto& x : candidates)
    if (x.usable && (x.ready || x.loading)) holders.insert(x.node);
  auto replicas = rule ? rule->replicas : placement_rule{}.replicas;
  if (asked.replica && holders.size() >= replicas)
    return fail(errc::over_budget, model_text(asked) + " may have " + std::to_string(replicas)
                                       + " replicas, and is at " + listed(holders));
  standings all;
  auto offered = false;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& x = candidates[i];
    if (!is_wished(x, asked) || !is_offered(x, asked)) continue;
    offered = true;
    if (is_allowed(x, rule)) all.emplace_back(standing_of(x, asked, holders), i);
  }
  if (!offered) return fail(nobody_offers(candidates, asked));
  if (all.empty())
    return fail(errc::unavailable, "the placement rule " + vef::quoted(rule->model)
                                       + " allows none of the nodes that offer " + model_text(asked));
  auto usual = mean_image_time(candidates);
  auto key = [&](const standings::value_type& one) {
    const auto& x = candidates[one.second];
    auto spare = spare_room(x, one.first == standing::evicts).value_or(0);
    return std::tuple{one.first, time_of(x, x.queued, usual), most_bytes - spare,
                      !x.here,   std::string_view{x.node},    std::string_view{x.service}};
  };
  auto best = std::ranges::min_element(all, {}, key);
  if (best->first > standing::evicts) return fail(nobody_can(candidates, asked, all));
  return best->second;
}

bool pays_off(const route& best, microseconds load_time, const replica_rules& rules) {
  return best.wait > rules.least_wait && exact{best.wait} > rules.share * load_time;
}

} // namespace vef
