#include <vef/backends/torch/torch.hpp>

#include <vef/backends/size_text.hpp>
#include <vef/backends/torch/catalog.hpp>
#include <vef/backends/torch/library.hpp>
#include <vef/backends/torch/network_model.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <set>

namespace vef {

namespace {

class torch_backend final : public backend {
public:
  torch_backend(std::vector<torch_description> models, std::uint64_t emulated_bytes)
      : models_(std::move(models)) {
    for (const auto& x : models_) {
      auto device = memory_of(x.device);
      if (is_emulated(device))
        emulated_.try_emplace(device, std::make_shared<emulated_memory>(emulated_bytes));
      else if (device != "host")
        cuda_.insert(device);
    }
  }

  std::vector<model_info> catalog() const override {
    std::vector<model_info> out;
    for (const auto& x : models_) out.push_back(x.info);
    return out;
  }

  result<std::unique_ptr<loaded_model>> load(const model_info& model, const load_context& context) override {
    auto x = std::ranges::find(models_, model.id, [](const auto& y) { return y.info.id; });
    if (x == models_.end()) {
      std::vector<std::string> ids;
      for (const auto& y : models_) ids.push_back(y.info.id);
      return fail(errc::unknown_model, unknown("model", model.id, ids));
    }
    auto what = "cannot load " + vef::quoted(x->info.id) + " from " + vef::quoted(x->file.string()) + ": ";
    std::error_code error;
    if (!std::filesystem::is_regular_file(x->file, error))
      return fail(errc::load_failed, what + "no such file");
    auto library = open_torch_library(torch_library_places());
    if (!library) return fail(library.error().code, what + library.error().what);

    result<std::unique_ptr<network>> made;
    library->load(to_spec(*x, context), made);
    if (!made) return fail(made.error().code, what + made.error().what);
    read_ = library->read;
    return make_network_model({.id = x->info.id,
                               .prepare = x->info.prepare,
                               .layout = x->layout,
                               .width = x->width,
                               .height = x->height,
                               .dim = x->info.embed_dim},
                              std::move(*made));
  }

  std::vector<device_reading> devices() override {
    std::vector<device_reading> out;
    for (const auto& [device, memory] : emulated_) {
      auto held = memory->held();
      out.push_back({device, memory->total(), memory->total() - held, held});
    }
    for (const auto& device : cuda_)
      if (auto x = read_cuda_device(device, read_)) out.push_back(std::move(*x));
    return out;
  }

private:
  network_spec to_spec(const torch_description& x, load_context context) const {
    // What is no tier of the model means the one from which it serves.
    auto asked = std::ranges::find(x.info.tiers, context.tier, &tier_need::tier);
    if (asked == x.info.tiers.end()) context.tier = x.info.tiers.back().tier;
    auto device = memory_of(x.device);
    auto emulated = emulated_.find(device);
    return {.file = x.file.string(),
            .device = device,
            .emulated = emulated == emulated_.end() ? nullptr : emulated->second,
            .width = x.width,
            .height = x.height,
            .channels_last = x.layout == tensor_layout::nhwc,
            .dim = x.info.embed_dim,
            .normalize = x.info.normalized,
            .output_index = x.output_index,
            .output_key = x.output_key,
            .load = context};
  }

  std::vector<torch_description> models_;
  std::map<std::string, std::shared_ptr<emulated_memory>> emulated_;
  std::set<std::string> cuda_;
  std::atomic<read_device*> read_ = nullptr;
};

result<std::unique_ptr<backend>> make(const backend_settings& settings) {
  static const std::vector<std::string> known{"device", "device_memory", "models"};
  for (const auto& [key, value] : settings) {
    if (std::ranges::find(known, key) == known.end())
      return fail(errc::invalid_config, "torch: " + unknown("setting", key, known));
  }
  auto setting = [&](const char* key, const char* otherwise) {
    auto found = settings.find(key);
    return found == settings.end() ? std::string{otherwise} : found->second;
  };
  auto device = setting("device", "cpu");
  if (!is_torch_device(device))
    return fail(errc::invalid_config,
                "torch: 'device' must be " + std::string{torch_devices} + ", not " + vef::quoted(device));
  auto room = parse_size(setting("device_memory", "1GiB"));
  if (!room)
    return fail(errc::invalid_config, "torch: 'device_memory' must be a text such as \"512MiB\", not "
                                          + vef::quoted(settings.at("device_memory")));
  if (settings.contains("device_memory") && !is_emulated(device))
    return fail(errc::invalid_config, "torch: 'device_memory' is for emulated devices: " + vef::quoted(device)
                                          + " has what it has");
  auto models = read_torch_catalog(setting("models", ""), device);
  if (!models) return fail(models.error());
  return std::make_unique<torch_backend>(std::move(*models), *room);
}

} // namespace

void add_torch_backend(backend_types& types) {
  // Threads of one pass wait for each other a hundred times. By default they wait busily, and where another
  // lane or program has their core for a moment, a pass takes ten to a hundred times as long. OpenMP reads
  // this once, when LibTorch is opened; here, where the program starts, no other thread reads the environment
  // yet.
  if (!std::getenv("GOMP_SPINCOUNT")) setenv("OMP_WAIT_POLICY", "passive", 0);
  std::ignore = types.add(
      "torch",
      {.description = "TorchScript (.pt) and AOTInductor (.pt2) files, each with a description beside it",
       .version = "1.0.0",
       .author = "vef",
       .tags = {"vision", "torch", "torchscript", "aotinductor", "cpu", "cuda"}},
      make);
}

} // namespace vef
