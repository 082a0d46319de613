#include <vef/backends/document.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <limits>

// The parser asserts what a malformed file breaks, such as "[=", right before it would say what is wrong with
// it: a file must not end the program, nor let the optimizer take for granted what the file breaks.
#undef NDEBUG
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

namespace vef {

namespace {

constexpr int deepest = 16;

std::string mebibytes(std::size_t bytes) {
  return bytes % (1 << 20) == 0 ? std::to_string(bytes >> 20) + " MiB" : std::to_string(bytes) + " bytes";
}

std::string at(const std::string& file, std::size_t line, std::size_t column) {
  return file + ':' + std::to_string(line) + ':' + std::to_string(column);
}

std::string at(const std::string& file, const toml::source_region& region) {
  return at(file, std::max<toml::source_index>(region.begin.line, 1),
            std::max<toml::source_index>(region.begin.column, 1));
}

result<document> too_deep(const std::string& where) {
  return fail(errc::invalid_config,
              where + ": nested deeper than " + std::to_string(deepest) + " levels, which no settings need");
}

result<document> from(const toml::node& x, const std::string& file, int depth) {
  document out{.where = at(file, x.source())};
  if (depth > deepest) return too_deep(out.where);
  if (auto b = x.as_boolean()) {
    out.value = b->get();
  } else if (auto i = x.as_integer()) {
    out.value = i->get();
  } else if (auto d = x.as_floating_point()) {
    out.value = d->get();
  } else if (auto s = x.as_string()) {
    out.value = s->get();
  } else if (auto a = x.as_array()) {
    document::array items;
    for (const auto& item : *a) {
      auto y = from(item, file, depth + 1);
      if (!y) return y;
      items.push_back(std::move(*y));
    }
    out.value = std::move(items);
  } else if (auto t = x.as_table()) {
    document::table entries;
    for (const auto& [key, item] : *t) {
      auto y = from(item, file, depth + 1);
      if (!y) return y;
      entries.push_back({std::string{key.str()}, at(file, key.source()), std::move(*y)});
    }
    out.value = std::move(entries);
  }
  return out;
}

result<document> from(const nlohmann::json& x, const std::string& file, int depth) {
  document out{.where = file};
  if (depth > deepest) return too_deep(out.where);
  if (x.is_boolean()) {
    out.value = x.get<bool>();
  } else if (x.is_number_unsigned() && x.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    out.value = x.get<double>();
  } else if (x.is_number_integer()) {
    out.value = x.get<std::int64_t>();
  } else if (x.is_number_float()) {
    out.value = x.get<double>();
  } else if (x.is_string()) {
    out.value = x.get<std::string>();
  } else if (x.is_array()) {
    document::array items;
    for (const auto& item : x) {
      auto y = from(item, file, depth + 1);
      if (!y) return y;
      items.push_back(std::move(*y));
    }
    out.value = std::move(items);
  } else if (x.is_object()) {
    document::table entries;
    for (const auto& [key, item] : x.items()) {
      auto y = from(item, file, depth + 1);
      if (!y) return y;
      entries.push_back({key, file, std::move(*y)});
    }
    out.value = std::move(entries);
  }
  return out;
}

result<document> read_toml(const std::string& text, const std::string& file) {
  try {
    return from(toml::parse(text), file, 0);
  } catch (const toml::parse_error& e) {
    return fail(errc::invalid_config, at(file, e.source()) + ": " + std::string{e.description()});
  }
}

result<document> read_json(const std::string& text, const std::string& file) {
  try {
    return from(nlohmann::json::parse(text), file, 0);
  } catch (const nlohmann::json::parse_error& e) {
    // The parser's own sentence begins with its error number and a position; the byte is what we count lines
    // by.
    auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte > 0 ? e.byte - 1 : 0, text.size()));
    auto line = static_cast<std::size_t>(std::count(text.begin(), end, '\n')) + 1;
    auto start = std::find(std::reverse_iterator{end}, text.rend(), '\n').base();
    std::string_view reason = e.what();
    if (auto p = reason.find(": "); p != reason.npos) reason.remove_prefix(p + 2);
    return fail(errc::invalid_config,
                at(file, line, static_cast<std::size_t>(end - start) + 1) + ": " + std::string{reason});
  } catch (const nlohmann::json::exception& e) {
    return fail(errc::invalid_config, file + ": " + e.what());
  }
}

} // namespace

const document* document::find(std::string_view key) const {
  auto entries = std::get_if<table>(&value);
  if (!entries) return nullptr;
  auto found = std::ranges::find(*entries, key, &entry::key);
  return found == entries->end() ? nullptr : &found->value;
}

std::string_view document::kind() const {
  constexpr std::string_view kinds[] = {"neither a number nor a text",
                                        "true or false",
                                        "a whole number",
                                        "a number with a fraction",
                                        "a text",
                                        "a list",
                                        "a table"};
  return kinds[value.index()];
}

std::string place(const std::filesystem::path& file) {
  auto text = vef::quoted(file.string());
  return text.substr(1, text.size() - 2);
}

result<document> read_document(const std::filesystem::path& file, std::size_t most) {
  auto name = place(file);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    return fail(errc::invalid_config, name + ": no such file, or no file at all");
  // Its size is what was read and not what the file system says: some files grow, and some of the kernel's
  // say 0. An iterator over the bytes would throw where the disk fails.
  std::ifstream in{file, std::ios::binary};
  constexpr std::size_t piece = 64 << 10;
  std::string text;
  while (in && text.size() <= most) {
    auto before = text.size();
    text.resize(before + piece);
    in.read(text.data() + before, piece);
    text.resize(before + static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) return fail(errc::invalid_config, name + ": cannot be read");
  if (text.size() > most)
    return fail(errc::invalid_config, name + ": over " + mebibytes(most) + ", too large for a settings file");
  auto root = file.extension() == ".json" ? read_json(text, name) : read_toml(text, name);
  if (root && !std::holds_alternative<document::table>(root->value))
    return fail(errc::invalid_config,
                name + ": holds " + std::string{root->kind()} + " instead of a table of keys");
  return root;
}

} // namespace vef
