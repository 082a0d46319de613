#include <vef/backends/hub/shards.hpp>

#include <vef/backends/hub/model_name.hpp>

#include <nlohmann/json.hpp>

#include <set>

namespace vef {

namespace {

constexpr std::size_t most_shards = 1000;

bool is_plain_name(std::string_view name) {
  return is_safe_path(name) && name.find('/') == name.npos && !name.starts_with('.')
         && name.ends_with(".safetensors");
}

} // namespace

result<std::vector<std::string>> shard_names(std::string_view index) {
  auto refuse = [](const std::string& why) {
    return fail(errc::corrupt_model,
                "model.safetensors.index.json does not tell the files of the weights: " + why);
  };
  auto root = nlohmann::json::parse(index, nullptr, false);
  if (root.is_discarded()) return refuse("it is no JSON");
  auto map = root.is_object() ? root.find("weight_map") : root.end();
  if (map == root.end() || !map->is_object() || map->empty()) return refuse("it has no weight_map");
  std::set<std::string> names;
  for (const auto& x : *map) {
    if (!x.is_string()) return refuse("its weight_map has something other than names");
    const auto& name = x.get_ref<const std::string&>();
    if (!is_plain_name(name)) return refuse(vef::quoted(name) + " is no plain name of a .safetensors file");
    names.insert(name);
    if (names.size() > most_shards) return refuse("more than " + std::to_string(most_shards) + " files");
  }
  return std::vector<std::string>(names.begin(), names.end());
}

} // namespace vef
