#include <vef/backends/torch/torch.hpp>

#include <vef/backends/torch/catalog.hpp>
#include <vef/backends/torch/library.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <cstdlib>

namespace vef {

namespace {

class torch_model final : public loaded_model {
public:
  torch_model(torch_description description, std::unique_ptr<network> net)
      : description_(std::move(description))
      , network_(std::move(net)) {}

  result<void> embed(std::span<const pixels> images, vector_rows rows,
                     const embed_context& context) override {
    if (images.empty()) return {};
    if (auto ok = check(images, rows); !ok) return ok;
    auto write = [&](std::span<float> input) {
      normalize_into(images, description_.info.prepare, description_.layout, input);
    };
    auto done = network_->forward(write, rows, context.threads);
    if (done) return done;
    return fail(done.error().code, "cannot embed " + std::to_string(images.size()) + " pictures with "
                                       + vef::quoted(description_.info.id) + ": " + done.error().what);
  }

  std::uint64_t memory_bytes() const override { return network_->memory_bytes(); }
  vef::tier tier() const override { return network_->tier(); }
  unsigned concurrency() const override { return network_->concurrency(); }

private:
  result<void> check(std::span<const pixels> images, vector_rows rows) const {
    const auto& x = description_;
    if (images.size() != rows.size()) return fail(errc::invalid_argument, "not as many rows as pictures");
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (images[i].width != x.width || images[i].height != x.height)
        return fail(errc::invalid_argument,
                    "picture " + std::to_string(i) + " is " + std::to_string(images[i].width) + "x"
                        + std::to_string(images[i].height) + ", where " + vef::quoted(x.info.id) + " takes "
                        + std::to_string(x.width) + "x" + std::to_string(x.height));
      if (rows[i].size() != x.info.embed_dim)
        return fail(errc::invalid_argument, "row " + std::to_string(i) + " has room for "
                                                + std::to_string(rows[i].size()) + " numbers, where "
                                                + vef::quoted(x.info.id) + " gives "
                                                + std::to_string(x.info.embed_dim));
    }
    return {};
  }

  torch_description description_;
  std::unique_ptr<network> network_;
};

class torch_backend final : public backend {
public:
  explicit torch_backend(std::vector<torch_description> models)
      : models_(std::move(models)) {}

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
    auto load_it = open_torch_library(torch_library_places());
    if (!load_it) return fail(load_it.error().code, what + load_it.error().what);

    network_spec spec{.file = x->file.string(),
                      .device = x->device,
                      .width = x->width,
                      .height = x->height,
                      .channels_last = x->layout == tensor_layout::nhwc,
                      .dim = x->info.embed_dim,
                      .normalize = x->info.normalized,
                      .output_index = x->output_index,
                      .output_key = x->output_key,
                      .threads = context.threads};
    result<std::unique_ptr<network>> made;
    (*load_it)(spec, made);
    if (!made) return fail(made.error().code, what + made.error().what);
    return std::make_unique<torch_model>(*x, std::move(*made));
  }

private:
  std::vector<torch_description> models_;
};

result<std::unique_ptr<backend>> make(const backend_settings& settings) {
  static const std::vector<std::string> known{"device", "models"};
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
                "torch: 'device' must be 'cpu', 'cuda' or 'cuda:N', not " + vef::quoted(device));
  auto models = read_torch_catalog(setting("models", ""), device);
  if (!models) return fail(models.error());
  return std::make_unique<torch_backend>(std::move(*models));
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
