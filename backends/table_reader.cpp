#include <vef/backends/table_reader.hpp>

#include <vef/messages/suggest.hpp>

#include <charconv>
#include <cmath>

namespace vef {

namespace {

const document no_table{.value = document::table{}, .where = {}};

bool is_word(const std::string* x) { return x && !x->empty() && x->find('\0') == x->npos; }

// The shortest text that reads back as this number.
std::string text(double x) {
  std::array<char, 32> out{};
  auto [end, error] = std::to_chars(out.data(), out.data() + out.size(), x);
  return {out.data(), end};
}

std::optional<double> as_number(const document& x) {
  if (auto i = std::get_if<std::int64_t>(&x.value)) return static_cast<double>(*i);
  if (auto d = std::get_if<double>(&x.value)) return *d;
  return {};
}

// ", not ...", as far as it fits into a sentence.
std::string shown(const document& x) {
  if (auto i = std::get_if<std::int64_t>(&x.value)) return ", not " + std::to_string(*i);
  if (auto d = std::get_if<double>(&x.value)) return ", not " + text(*d);
  if (auto s = std::get_if<std::string>(&x.value))
    return s->empty() ? ", not empty" : ", not the text " + vef::quoted(s->substr(0, 40));
  if (auto a = std::get_if<document::array>(&x.value)) return ", not a list of " + std::to_string(a->size());
  return ", not " + std::string{x.kind()};
}

std::optional<std::chrono::milliseconds> milliseconds(double x) {
  constexpr std::chrono::milliseconds century = std::chrono::days{36500};
  if (!(x >= 0) || x > static_cast<double>(century.count())) return {};
  // 0 often means "never": what was not 0 must not become it.
  return std::chrono::milliseconds{x > 0 ? std::max(std::llround(x), 1LL) : 0LL};
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view word) {
  double number = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{}) return {};
  word.remove_prefix(static_cast<std::size_t>(end - word.data()));
  word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
  constexpr std::pair<std::string_view, double> units[] = {
      {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
  auto unit = std::ranges::find(units, word, &std::pair<std::string_view, double>::first);
  if (unit == std::end(units)) return {};
  return milliseconds(number * unit->second);
}

} // namespace

// -- the table ----------------------------------------------------------------------------------------------

table_reader::table_reader(const document& table, std::string path, error& problem)
    : table_(table)
    , path_(std::move(path))
    , problem_(problem) {
  if (!std::holds_alternative<document::table>(table.value))
    refuse(table.where, (path_.empty() ? "the content" : vef::quoted(path_)) + " must be a table, not "
                            + std::string{table.kind()});
}

table_reader::table_reader(const document& table, std::string path, error& problem,
                           const std::vector<std::string>& keys)
    : table_reader(table, std::move(path), problem) {
  for (const auto& x : entries()) {
    if (std::ranges::find(keys, x.key) != keys.end()) continue;
    // The nearest by the key alone: beside a long path every short key is near.
    auto text = "unknown key " + vef::quoted(name(x.key));
    if (auto near = nearest(x.key, keys); !near.empty())
      text += "; did you mean " + vef::quoted(name(near)) + '?';
    refuse(x.where, text);
  }
}

const document::table& table_reader::entries() const {
  auto found = std::get_if<document::table>(&table_.value);
  return found ? *found : std::get<document::table>(no_table.value);
}

std::string table_reader::where(std::string_view key) const {
  auto x = table_.find(key);
  return x ? x->where : table_.where;
}

std::string table_reader::where(std::string_view key, std::size_t item) const {
  auto items = list(key);
  return items && item < items->size() ? (*items)[item].where : where(key);
}

void table_reader::refuse(const std::string& place, const std::string& what) {
  if (!problem_) problem_ = {errc::invalid_config, place + ": " + what};
}

void table_reader::must_be(std::string_view key, const std::string& what) {
  auto x = table_.find(key);
  if (x)
    refuse(x->where, vef::quoted(name(key)) + " must be " + what + shown(*x));
  else
    refuse(table_.where, "the key " + vef::quoted(name(key)) + " is missing: " + what);
}

std::string table_reader::name(std::string_view key) const {
  return path_.empty() ? std::string{key} : path_ + '.' + std::string{key};
}

// -- texts --------------------------------------------------------------------------------------------------

std::string table_reader::string(std::string_view key, const std::string& what) {
  auto x = table_.find(key);
  auto found = x ? std::get_if<std::string>(&x->value) : nullptr;
  if (is_word(found)) return *found;
  must_be(key, what);
  return {};
}

std::string table_reader::string_or(std::string_view key, std::string otherwise) {
  return has(key) ? string(key, "a text") : std::move(otherwise);
}

std::vector<std::string> table_reader::strings(std::string_view key) {
  if (!has(key)) return {};
  auto items = list(key);
  if (!items) must_be(key, "a list of texts");
  std::vector<std::string> out;
  for (std::size_t i = 0; items && i < items->size(); ++i) {
    auto found = std::get_if<std::string>(&(*items)[i].value);
    if (is_word(found))
      out.push_back(*found);
    else
      refuse(where(key, i),
             vef::quoted(name(key) + '[' + std::to_string(i) + ']') + " must be a text" + shown((*items)[i]));
  }
  return out;
}

std::string table_reader::scalar(std::string_view key) {
  auto x = table_.find(key);
  if (auto s = x ? std::get_if<std::string>(&x->value) : nullptr; s && s->find('\0') == s->npos) return *s;
  if (auto i = x ? std::get_if<std::int64_t>(&x->value) : nullptr) return std::to_string(*i);
  if (auto b = x ? std::get_if<bool>(&x->value) : nullptr) return *b ? "true" : "false";
  if (auto d = x ? std::get_if<double>(&x->value) : nullptr; d && std::isfinite(*d)) return text(*d);
  must_be(key, "a text, a number, or true or false");
  return {};
}

std::string table_reader::choice(std::string_view key, const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + vef::quoted(word);
  auto word = string(key, "one of " + all);
  if (has(key) && std::ranges::find(words, word) == words.end())
    refuse(where(key), vef::quoted(name(key)) + ": " + unknown("word", word, words) + ", one of " + all);
  return word;
}

// -- numbers ------------------------------------------------------------------------------------------------

bool table_reader::boolean_or(std::string_view key, bool otherwise) {
  auto x = table_.find(key);
  if (!x) return otherwise;
  if (auto found = std::get_if<bool>(&x->value)) return *found;
  must_be(key, "true or false");
  return otherwise;
}

std::int64_t table_reader::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  auto x = table_.find(key);
  auto found = x ? std::get_if<std::int64_t>(&x->value) : nullptr;
  if (found && *found >= least && *found <= most) return *found;
  must_be(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return least;
}

double table_reader::number(std::string_view key) {
  auto x = table_.find(key);
  if (auto value = x ? as_number(*x) : std::nullopt) return *value;
  must_be(key, "a number");
  return 1;
}

std::chrono::milliseconds table_reader::duration_or(std::string_view key,
                                                    std::chrono::milliseconds otherwise) {
  auto x = table_.find(key);
  if (!x) return otherwise;
  std::optional<std::chrono::milliseconds> found;
  if (auto s = std::get_if<std::string>(&x->value))
    found = parse_duration(*s);
  else if (auto seconds = as_number(*x))
    found = milliseconds(*seconds * 1000);
  if (!found)
    must_be(key,
            "a time such as \"200ms\", \"1.5s\", \"2min\" or \"1h\", or seconds as a number, from 0 to a "
            "century");
  return found.value_or(otherwise);
}

// -- lists and tables ---------------------------------------------------------------------------------------

const document::array* table_reader::list(std::string_view key) const {
  auto x = table_.find(key);
  return x ? std::get_if<document::array>(&x->value) : nullptr;
}

std::array<float, 3> table_reader::three(std::string_view key, const std::string& order) {
  std::array<float, 3> out{1, 1, 1};
  auto items = list(key);
  auto good = items && items->size() == 3;
  for (std::size_t i = 0; good && i < 3; ++i) {
    auto value = as_number((*items)[i]);
    good = value && std::isfinite(*value);
    if (good) out[i] = static_cast<float>(*value);
  }
  if (!good) must_be(key, "a list of three numbers, " + order);
  return out;
}

std::array<std::uint32_t, 2> table_reader::size(std::string_view key, const std::string& order) {
  std::array<std::uint32_t, 2> out{1, 1};
  auto items = list(key);
  auto good = items && items->size() == 2;
  for (std::size_t i = 0; good && i < 2; ++i) {
    auto side = std::get_if<std::int64_t>(&(*items)[i].value);
    good = side && *side >= 1 && *side <= largest_side;
    if (good) out[i] = static_cast<std::uint32_t>(*side);
  }
  if (!good) must_be(key, order + ", whole numbers from 1 to " + std::to_string(largest_side));
  return out;
}

table_reader table_reader::inner(std::string_view key, const std::vector<std::string>& keys,
                                 const std::string& what) {
  auto x = table_.find(key);
  if (!x) must_be(key, what);
  return {x ? *x : no_table, name(key), problem_, keys};
}

table_reader table_reader::inner(std::string_view key) {
  auto x = table_.find(key);
  return {x ? *x : no_table, name(key), problem_};
}

void table_reader::each(std::string_view key, const std::vector<std::string>& keys,
                        const std::function<void(table_reader&)>& read) {
  auto items = list(key);
  if (has(key) && !items) must_be(key, "a list of tables, such as [[" + name(key) + "]] begins one in TOML");
  for (std::size_t i = 0; items && i < items->size(); ++i) {
    table_reader in{(*items)[i], name(key) + '[' + std::to_string(i) + ']', problem_, keys};
    read(in);
  }
}

} // namespace vef
