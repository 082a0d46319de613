#include <vef/backends/torch/catalog.hpp>

#include <vef/backends/log.hpp>

#include <algorithm>
#include <set>

namespace vef {

namespace fs = std::filesystem;

namespace {

bool is_model_file(const fs::path& file) { return file.extension() == ".pt" || file.extension() == ".pt2"; }

bool is_document(const fs::path& file) { return file.extension() == ".toml" || file.extension() == ".json"; }

// A folder of another backend's, whose .json files are no descriptions.
bool is_checkpoint(const fs::path& folder) {
  auto has = [&](const char* name) {
    std::error_code ignored;
    return fs::is_regular_file(folder / name, ignored);
  };
  return has("config.json") && (has("model.safetensors") || has("model.safetensors.index.json"));
}

// What lies in a folder, in the order of the names. A folder that cannot be read is empty and sets `error`.
std::vector<fs::path> listing(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> found;
  fs::directory_iterator it{folder, error};
  for (; !error && it != fs::directory_iterator{}; it.increment(error)) found.push_back(it->path());
  std::ranges::sort(found);
  return found;
}

class catalog_reader {
public:
  explicit catalog_reader(std::string device)
      : device_(std::move(device)) {}

  result<void> add(const fs::path& item) {
    std::error_code error;
    auto status = fs::status(item, error);
    if (!fs::exists(status))
      return fail(errc::invalid_config,
                  "no such file or folder: " + vef::quoted(item.string()) + ", named in 'models'");
    if (fs::is_directory(status)) return add_folder(item);
    if (is_model_file(item)) return add_model(item);
    if (is_document(item)) return add_document(item);
    return fail(errc::invalid_config,
                "neither a folder nor a .toml, .json, .pt or .pt2 file: " + vef::quoted(item.string()));
  }

  std::vector<torch_description> models() && { return std::move(models_); }

private:
  result<void> add_model(const fs::path& file) {
    auto whole = file.string(), stem = fs::path{file}.replace_extension().string();
    for (const auto& beside : {whole + ".toml", whole + ".json", stem + ".toml", stem + ".json"}) {
      std::error_code error;
      if (!fs::exists(beside, error)) continue;
      auto x = read(beside);
      if (!x) return fail(x.error());
      if (!fs::equivalent(x->file, file, error))
        return fail(errc::invalid_config, vef::quoted(beside) + " describes " + vef::quoted(x->file.string())
                                              + ", not " + vef::quoted(whole));
      return keep(*x);
    }
    return fail(errc::invalid_config, vef::quoted(whole) + " has no description: expected "
                                          + vef::quoted(file.filename().string() + ".toml") + " beside it");
  }

  result<void> add_document(const fs::path& file) {
    auto x = read(file);
    if (!x) return fail(x.error());
    return keep(*x);
  }

  result<torch_description> read(const fs::path& file) {
    auto x = read_document(file);
    if (!x) return fail(x.error());
    return to_description(*x, file, device_);
  }

  result<void> add_folder(const fs::path& folder) {
    std::error_code error;
    auto found = listing(folder, error);
    if (error)
      return fail(errc::invalid_config,
                  "cannot list the folder " + vef::quoted(folder.string()) + ": " + error.message());
    for (const auto& item : found) {
      std::error_code ignored;
      if (is_checkpoint(item)) continue;
      if (fs::is_directory(item, ignored)) {
        for (const auto& inner : listing(item, ignored)) {
          if (auto ok = add_found(inner); !ok) return ok;
        }
        if (ignored)
          log(log_level::warn,
              "cannot list the folder " + vef::quoted(item.string()) + ": " + ignored.message());
      } else if (auto ok = add_found(item); !ok) {
        return ok;
      }
    }
    return {};
  }

  // A file that lies in a folder: nobody asked for it by name, so what is not ours is passed over.
  result<void> add_found(const fs::path& file) {
    std::error_code ignored;
    if (!is_document(file) || !fs::is_regular_file(file, ignored)) return {};
    auto x = read_document(file);
    if (x && !describes_torch_model(*x, file)) {
      log(log_level::debug, "no description of a .pt or .pt2 file: " + vef::quoted(file.string()));
      return {};
    }
    auto description = x ? to_description(*x, file, device_) : result<torch_description>{fail(x.error())};
    if (description) return keep(*description);
    log(log_level::warn, "left a model out: " + description.error().what);
    return {};
  }

  result<void> keep(const torch_description& x) {
    std::error_code error;
    auto same = fs::canonical(x.source, error);
    if (!error && !seen_.insert(same).second) return {};
    auto twin = std::ranges::find(models_, x.info.id, [](const auto& y) { return y.info.id; });
    if (twin != models_.end())
      return fail(errc::invalid_config, "two models have the id " + vef::quoted(x.info.id) + ": "
                                            + vef::quoted(twin->source.string()) + " and "
                                            + vef::quoted(x.source.string()));
    models_.push_back(x);
    return {};
  }

  std::string device_;
  std::set<fs::path> seen_;
  std::vector<torch_description> models_;
};

} // namespace

result<std::vector<torch_description>> read_torch_catalog(std::string_view models,
                                                          const std::string& device) {
  catalog_reader reader{device};
  while (!models.empty()) {
    auto item = models.substr(0, models.find(':'));
    models.remove_prefix(std::min(item.size() + 1, models.size()));
    if (item.empty()) continue;
    if (auto ok = reader.add(fs::path{item}); !ok) return fail(ok.error());
  }
  return std::move(reader).models();
}

} // namespace vef
