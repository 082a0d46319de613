#include <vef/backends/transformers/settings.hpp>

#include <vef/backends/size_text.hpp>
#include <vef/backends/torch/description.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace vef {

namespace {

const std::vector<std::string> known{"arithmetic",     "device",    "device_memory", "hub_cache",
                                     "models",         "normalize", "output",        "precision",
                                     "precision_file", "size",      "truncate_dim"};

/// Takes settings one by one and keeps the first that is wrong.
class reader {
public:
  explicit reader(const backend_settings& all)
      : all_(all) {}

  std::string text(const std::string& key, const std::string& otherwise = {}) const {
    auto found = all_.find(key);
    return found == all_.end() ? otherwise : found->second;
  }

  std::uint32_t whole(const std::string& key, std::uint32_t most) {
    auto word = text(key);
    std::uint32_t out = 0;
    if (word.empty()) return 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
    if (error != std::errc{} || end != word.data() + word.size() || out == 0 || out > most)
      must_be(key, "a whole number from 1 to " + std::to_string(most));
    return out;
  }

  /// "224" or "320x240": width and height.
  std::array<std::uint32_t, 2> size(const std::string& key) {
    constexpr std::uint32_t most = 4096;
    auto word = text(key);
    if (word.empty()) return {};
    std::array<std::uint32_t, 2> out{};
    auto cross = word.find('x');
    auto read = [](std::string_view digits, std::uint32_t& to) {
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
      return error == std::errc{} && end == digits.data() + digits.size() && to > 0 && to <= most;
    };
    auto good = read(std::string_view{word}.substr(0, cross), out[0]);
    out[1] = out[0];
    if (cross != word.npos) good = good && read(std::string_view{word}.substr(cross + 1), out[1]);
    if (!good) must_be(key, "a side from 1 to 4096 pixels, or WIDTHxHEIGHT");
    return out;
  }

  std::optional<bool> flag(const std::string& key) {
    auto word = text(key);
    if (word == "true" || word == "false") return word == "true";
    if (!word.empty()) must_be(key, "'true' or 'false'");
    return {};
  }

  template <class T, std::size_t N>
  T one_of(const std::string& key, const std::array<std::pair<std::string_view, T>, N>& choices) {
    auto word = text(key);
    std::string list;
    for (const auto& [name, value] : choices) {
      if (name == word) return value;
      list += (list.empty() ? "'" : ", '") + std::string{name} + "'";
    }
    if (!word.empty()) must_be(key, "one of " + list);
    return choices.front().second;
  }

  void must_be(const std::string& key, const std::string& what) {
    refuse("'" + key + "' must be " + what + ", not " + vef::quoted(text(key)));
  }
  void refuse(const std::string& what) {
    if (!problem_) problem_ = {errc::invalid_config, "transformers: " + what};
  }
  const error& problem() const { return problem_; }

private:
  const backend_settings& all_;
  error problem_;
};

constexpr std::array<std::pair<std::string_view, precision_wish>, 4> precisions{{
    {"float32", precision_wish::float32},
    {"bfloat16", precision_wish::bfloat16},
    {"float16", precision_wish::float16},
    {"auto", precision_wish::automatic},
}};

constexpr std::array<std::pair<std::string_view, arithmetic>, 3> arithmetics{{
    {"pillow", arithmetic::pillow},
    {"pillow-13", arithmetic::pillow_13},
    {"torchvision", arithmetic::torchvision},
}};

std::vector<std::filesystem::path> paths(std::string_view list) {
  std::vector<std::filesystem::path> out;
  while (!list.empty()) {
    auto item = list.substr(0, list.find(':'));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    if (!item.empty()) out.emplace_back(item);
  }
  return out;
}

void read_device_settings(reader& in, transformers_settings& out) {
  auto device = in.text("device", "cpu");
  if (!is_torch_device(device)) return in.must_be("device", torch_devices);
  out.options.device = memory_of(device);
  auto room = parse_size(in.text("device_memory", "1GiB"));
  if (!room) return in.must_be("device_memory", "a text such as \"512MiB\"");
  if (is_emulated(device))
    out.emulated = std::make_shared<emulated_memory>(*room);
  else if (!in.text("device_memory").empty())
    in.refuse("'device_memory' is for emulated devices: " + vef::quoted(device) + " has what it has");
  if (out.precision == precision_wish::float16 && !device.starts_with("cuda"))
    in.refuse("'precision' can be float16 on CUDA devices only; on a processor bfloat16 is the fast half");
}

} // namespace

result<transformers_settings> read_transformers_settings(const backend_settings& x) {
  for (const auto& [key, value] : x)
    if (std::ranges::find(known, key) == known.end())
      return fail(errc::invalid_config, "transformers: " + unknown("setting", key, known));
  reader in{x};
  transformers_settings out;
  out.models = paths(in.text("models"));
  out.hub_cache = in.flag("hub_cache").value_or(false);
  out.options.output = in.text("output");
  out.options.normalize = in.flag("normalize");
  out.options.size = in.size("size");
  out.options.truncate = in.whole("truncate_dim", 1 << 20);
  out.options.arithmetic = in.one_of("arithmetic", arithmetics);
  out.precision = in.one_of("precision", precisions);
  out.precision_file = in.text("precision_file");
  read_device_settings(in, out);
  if (in.problem()) return fail(in.problem());
  return out;
}

} // namespace vef
