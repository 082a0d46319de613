#include <vef/backends/transformers/transformers.hpp>

#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/environment.hpp>
#include <vef/backends/log.hpp>
#include <vef/backends/torch/library.hpp>
#include <vef/backends/torch/network_model.hpp>
#include <vef/backends/transformers/settings.hpp>
#include <vef/backends/transformers/test_pictures.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace vef {

namespace {

class transformers_backend final : public backend {
public:
  transformers_backend(transformers_settings x, model_families families)
      : settings_(std::move(x))
      , families_(std::move(families))
      , precisions_(settings_.precision_file) {}

  /// Errors: what is wrong with a checkpoint that was named itself.
  result<void> scan() {
    auto all = search();
    if (!all) return fail(all.error());
    return read(*all);
  }

  std::vector<model_info> catalog() const override {
    std::scoped_lock lock{mutex_};
    std::vector<model_info> out;
    for (const auto& [id, x] : entries_) out.push_back(x.info);
    return out;
  }

  std::optional<std::vector<model_info>> changed_catalog() override {
    auto all = search();
    if (!all) return {}; // a folder that is away for a moment
    {
      std::scoped_lock lock{mutex_};
      if (fingerprint(*all) == seen_) return {};
    }
    if (auto ok = read(*all); !ok) log(log_level::warn, ok.error().what);
    return catalog();
  }

  result<std::unique_ptr<loaded_model>> load(const model_info& model, const load_context& context) override {
    auto from = find(model.id);
    if (!from) return fail(from.error());
    auto what = "cannot load " + vef::quoted(model.id) + ": ";
    auto x = open_checkpoint(*from, families_, settings_.options);
    if (!x) return fail(x.error().code, what + x.error().what);
    auto chosen = choose_precision(*x, context);
    if (!chosen) return fail(chosen.error().code, what + chosen.error().what);
    auto made = load_as(*x, *chosen, context);
    if (!made) return fail(made.error().code, what + made.error().what);
    return made;
  }

  std::vector<device_reading> devices() override {
    const auto& device = settings_.options.device;
    if (device == "host") return {};
    if (auto memory = settings_.emulated) {
      auto held = memory->held();
      return {{device, memory->total(), memory->total() - held, held}};
    }
    auto x = read_cuda_device(device, read_);
    return x ? std::vector{*x} : std::vector<device_reading>{};
  }

private:
  struct entry {
    found_checkpoint from;
    model_info info;
  };

  // Files are read before the lock is taken: loads go on meanwhile.
  result<void> read(const std::vector<found_checkpoint>& all) {
    auto seen = fingerprint(all);
    std::map<std::string, entry> entries;
    auto done = read_into(entries, all);
    std::scoped_lock lock{mutex_};
    seen_ = seen;
    entries_ = std::move(entries);
    return done;
  }

  result<void> read_into(std::map<std::string, entry>& entries,
                         const std::vector<found_checkpoint>& all) const {
    for (const auto& found : all) {
      if (auto twin = entries.find(found.id); twin != entries.end()) {
        log(log_level::warn, "left a model out: " + vef::quoted(found.folder.string()) + " has the id of "
                                 + vef::quoted(twin->second.from.folder.string()));
        continue;
      }
      auto x = open_checkpoint(found, families_, settings_.options);
      if (!x && is_named(found.folder)) return fail(x.error());
      if (!x)
        log(log_level::warn, "left a model out: " + x.error().what);
      else
        entries.emplace(found.id, entry{found, with_precision(x->info)});
    }
    return {};
  }

  bool is_named(const std::filesystem::path& folder) const {
    return std::ranges::find(settings_.models, folder) != settings_.models.end();
  }

  result<std::vector<found_checkpoint>> search() const {
    std::vector<found_checkpoint> out;
    for (const auto& root : settings_.models) {
      std::error_code error;
      if (!std::filesystem::exists(root, error))
        return fail(errc::invalid_config,
                    "no such folder: " + vef::quoted(root.string()) + ", named in 'models'");
      auto found = find_checkpoints(root);
      out.insert(out.end(), found.begin(), found.end());
    }
    if (settings_.hub_cache) {
      auto cached = find_cached(hub_cache{hub_cache_folder(process_environment())});
      out.insert(out.end(), cached.begin(), cached.end());
    }
    return out;
  }

  result<found_checkpoint> find(const std::string& id) const {
    std::scoped_lock lock{mutex_};
    if (auto x = entries_.find(id); x != entries_.end()) return x->second.from;
    std::vector<std::string> ids;
    for (const auto& [known, x] : entries_) ids.push_back(known);
    return fail(errc::unknown_model, unknown("model", id, ids));
  }

  // -- precision --------------------------------------------------------------------------------------------

  std::string key_of(const model_info& x) const {
    std::string output;
    for (const auto& fact : x.facts)
      if (fact.name == "output" || fact.name == "folder") output += fact.value + " ";
    return output + std::to_string(x.embed_dim) + " " + std::to_string(x.preprocess_size);
  }

  bool may_use_half() const { return settings_.options.device != "host" || has_fast_bfloat16(); }

  precision half() const {
    return settings_.options.device.starts_with("cuda") ? precision::float16 : precision::bfloat16;
  }

  model_info with_precision(model_info x) const {
    auto text = [&]() -> std::string {
      switch (settings_.precision) {
      case precision_wish::float32: return "float32";
      case precision_wish::float16: return "float16";
      case precision_wish::bfloat16:
        return may_use_half() ? "bfloat16" : "float32: this processor has no fast bfloat16";
      case precision_wish::automatic: break;
      }
      if (!may_use_half()) return "auto: float32, since this processor has no fast bfloat16";
      auto distance = precisions_.find(key_of(x));
      if (!distance) return "auto: to be decided at the first load";
      char figure[32];
      std::snprintf(figure, sizeof figure, "%.1e", *distance);
      return "auto: " + std::string{*distance < most_distance ? to_string(half()) : "float32"}
             + ", cosine distance between both " + figure;
    }();
    x.facts.push_back({"precision", text});
    return x;
  }

  result<precision> choose_precision(const checkpoint& x, const load_context& context) {
    switch (settings_.precision) {
    case precision_wish::float32: return precision::float32;
    case precision_wish::float16: return precision::float16;
    case precision_wish::bfloat16:
      if (may_use_half()) return precision::bfloat16;
      log(log_level::warn, x.info.id + ": this processor has no fast bfloat16, so float32 is used");
      return precision::float32;
    case precision_wish::automatic: break;
    }
    if (!may_use_half()) return precision::float32;
    auto distance = precisions_.find(key_of(x.info));
    if (!distance) {
      auto measured = compare(x, context);
      if (!measured) return fail(measured.error());
      precisions_.note(key_of(x.info), *measured);
      note_fact(x.info.id);
      distance = *measured;
    }
    return *distance < most_distance ? half() : precision::float32;
  }

  // Both from the mapped file, one after the other, so that the weights are never in memory twice.
  result<double> compare(const checkpoint& x, load_context context) {
    context.tier = settings_.options.device == "host" ? tier::mapped : tier::device;
    auto pictures = test_pictures(x.width(), x.height());
    std::vector<std::vector<float>> vectors;
    for (auto compute : {precision::float32, half()}) {
      auto model = load_as(x, compute, context);
      if (!model) return fail(model.error());
      for (const auto& picture : pictures) {
        vectors.emplace_back(x.info.embed_dim);
        std::span<float> row{vectors.back()};
        auto done = (*model)->embed({&picture, 1}, vector_rows{&row, 1}, {.threads = context.threads});
        if (!done) return compute == precision::float32 ? result<double>{fail(done.error())} : 1.0;
      }
    }
    double worst = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i)
      worst = std::max(worst, cosine_distance(vectors[i], vectors[pictures.size() + i]));
    return worst;
  }

  void note_fact(const std::string& id) {
    std::scoped_lock lock{mutex_};
    auto x = entries_.find(id);
    if (x == entries_.end()) return;
    std::erase_if(x->second.info.facts, [](const model_fact& fact) { return fact.name == "precision"; });
    x->second.info = with_precision(x->second.info);
  }

  // -- loading ----------------------------------------------------------------------------------------------

  result<std::unique_ptr<loaded_model>> load_as(const checkpoint& x, precision compute,
                                                load_context context) {
    auto library = open_torch_library(torch_library_places());
    if (!library) return fail(library.error());
    read_ = library->read;
    auto asked = std::ranges::find(x.info.tiers, context.tier, &tier_need::tier);
    if (asked == x.info.tiers.end())
      context.tier = std::ranges::find(x.info.tiers, true, &tier_need::serves)->tier;
    network_spec spec{.planned = to_network(x, compute),
                      .device = settings_.options.device,
                      .emulated = settings_.emulated,
                      .width = x.width(),
                      .height = x.height(),
                      .channels_last = true,
                      .dim = static_cast<std::uint32_t>(x.dim),
                      .normalize = x.info.normalized,
                      .load = context};
    result<std::unique_ptr<network>> made;
    library->load(spec, made);
    if (!made) return fail(made.error());
    return make_network_model({.id = x.info.id,
                               .prepare = x.info.prepare,
                               .layout = tensor_layout::nhwc,
                               .width = x.width(),
                               .height = x.height(),
                               .dim = x.info.embed_dim},
                              std::move(*made));
  }

  const transformers_settings settings_;
  const model_families families_;
  precision_book precisions_;
  mutable std::mutex mutex_;
  std::map<std::string, entry> entries_;
  std::uint64_t seen_ = 0;
  std::atomic<read_device*> read_ = nullptr;
};

result<std::unique_ptr<backend>> make_transformers(const backend_settings& settings,
                                                   const model_families& families) {
  auto x = read_transformers_settings(settings);
  if (!x) return fail(x.error());
  auto made = std::make_unique<transformers_backend>(std::move(*x), families);
  if (auto ok = made->scan(); !ok) return fail(ok.error());
  return made;
}

} // namespace

void add_transformers_backend(backend_types& types, model_families families) {
  std::ignore = types.add(
      "transformers",
      {.description = "Checkpoints of Hugging Face's transformers, straight from their folders",
       .version = "1.0.0",
       .author = "vef",
       .tags = {"vision", "torch", "huggingface", "safetensors", "cpu", "cuda"}},
      [families = std::move(families)](const backend_settings& x) { return make_transformers(x, families); });
}

} // namespace vef
