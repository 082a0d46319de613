#include <vef/apps/session.hpp>

#include <vef/apps/sizes.hpp>
#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/environment.hpp>
#include <vef/messages/bytes.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/supervisor/spec_file.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

namespace vef {

namespace fs = std::filesystem;

namespace {

constexpr auto built_in = "descriptors";
constexpr auto from_files = "torch";
constexpr auto from_checkpoints = "transformers";

result<std::string> checked_source(const std::string& source) {
  std::error_code none;
  if (source.find(':') != source.npos)
    return fail(errc::invalid_argument,
                "cannot use " + vef::quoted(source) + " for models: paths with a colon are not supported");
  if (!fs::exists(source, none))
    return fail(errc::file_not_found,
                "cannot use " + vef::quoted(source) + " for models: there is no such file or folder");
  return fs::absolute(source).lexically_normal().string();
}

// Where the XDG base directory specification has what a program learns; nowhere if there is no home.
fs::path state_file(const char* name) {
  auto named = std::getenv("XDG_STATE_HOME");
  if (named && *named == '/') return fs::path{named} / "vef" / name;
  auto home = std::getenv("HOME");
  return home && *home == '/' ? fs::path{home} / ".local/state/vef" / name : fs::path{};
}

result<runtime_options> to_runtime_options(const common_options& options) {
  runtime_options out;
  out.memory.state_file = state_file("usage.json");
  out.work.cores = options.threads;
  out.work.preparers = options.jobs > 0 ? options.jobs : options.threads;
  out.shutdown_limit = std::chrono::seconds{10};
  if (options.budget.empty()) return out;
  auto budget = parse_size(options.budget, machine_memory());
  if (!budget) return fail(errc::invalid_argument, "--budget: " + budget.error().what);
  if (auto there = machine_memory(); there > 0 && *budget > there)
    return fail(errc::invalid_argument, "--budget: " + options.budget + " is more than the "
                                            + format_bytes(there) + " of memory that this machine has");
  out.memory_budget = *budget;
  return out;
}

bool is_checkpoint(const fs::path& folder) {
  std::error_code none;
  return fs::is_regular_file(folder / "config.json", none);
}

std::string joined(const std::vector<std::string>& paths) {
  std::string out;
  for (const auto& x : paths) out += (out.empty() ? "" : ":") + x;
  return out;
}

bool has_backend(const backend_types& types, std::string_view name) {
  return std::ranges::any_of(types.list(), [&](const backend_metadata& x) { return x.name == name; });
}

} // namespace

bool names_model_file(const std::string& model) {
  constexpr std::array<std::string_view, 4> endings{".pt", ".pt2", ".toml", ".json"};
  return std::ranges::any_of(endings, [&](std::string_view x) { return model.ends_with(x); });
}

bool names_checkpoint(const std::string& model) { return !model.empty() && is_checkpoint(model); }

result<session> session::open(const common_options& options, const std::string& model) {
  session x;
  auto wanted = options.models;
  if (names_model_file(model) || names_checkpoint(model)) {
    x.named_file_ = model;
    x.named_service_ = names_checkpoint(model) ? from_checkpoints : from_files;
    wanted = {model};
  }
  for (const auto& source : wanted) {
    auto good = checked_source(source);
    if (!good) return fail(good.error());
    x.sources_.push_back(std::move(*good));
  }
  auto settings = to_runtime_options(options);
  if (!settings) return fail(settings.error());
  if (!options.services.empty()) return open_described(options, std::move(*settings), std::move(x));
  if (!x.sources_.empty() && !has_backend(*settings->backends, from_files))
    return fail(errc::unknown_backend,
                "cannot use " + vef::quoted(x.sources_.front()) + ": this build of vef has no torch backend");
  x.runtime_ = std::make_unique<vef::runtime>(std::move(*settings));
  if (auto made = x.add_services(options); !made) return fail(made.error());
  if (auto good = x.read_catalog(); !good) return fail(good.error());
  return x;
}

result<void> session::add_services(const common_options& options) {
  if (auto made = runtime_->create(built_in); !made) return fail(made.error());
  std::vector<std::string> files;
  for (const auto& source : sources_)
    if (!is_checkpoint(source)) files.push_back(source);
  if (!files.empty()) {
    auto made = runtime_->create({.name = from_files, .settings = {{"models", joined(files)}}});
    if (!made) return fail(made.error());
  }
  return add_checkpoints(options);
}

// Checkpoints lie in folders; and there is the Hub's cache, unless one is named.
result<void> session::add_checkpoints(const common_options& options) {
  std::vector<std::string> folders;
  std::error_code none;
  for (const auto& source : sources_)
    if (fs::is_directory(source, none)) folders.push_back(source);
  auto cache = named_file_.empty() && fs::exists(hub_cache_folder(process_environment()), none);
  if (folders.empty() && !cache) return {};
  checkpoint_settings_ = options.checkpoints;
  auto settings = checkpoint_settings_;
  if (!folders.empty()) settings["models"] = joined(folders);
  if (cache) settings["hub_cache"] = "true";
  if (auto file = state_file("precision.json"); !file.empty()) settings["precision_file"] = file.string();
  auto made = runtime_->create({.name = from_checkpoints, .settings = settings});
  if (!made) return fail(made.error());
  return {};
}

// A service that fails is told about by the log, and the others serve.
result<session> session::open_described(const common_options& options, runtime_options settings, session x) {
  if (!x.sources_.empty())
    return fail(errc::invalid_argument,
                "models are named by --models, VEF_MODELS or --model FILE, and services "
                "by --services or VEF_SERVICES: use one of the two");
  auto specs = read_service_specs(options.services);
  if (!specs) return fail(specs.error());
  if (specs->empty())
    return fail(errc::invalid_config, options.services + ": there is no [[service]] in this file");
  settings.services = std::move(*specs);
  x.described_ = true;
  x.runtime_ = std::make_unique<vef::runtime>(std::move(settings));
  if (auto settled = x.runtime_->wait_for_services(); !settled) return fail(settled.error());
  if (auto good = x.read_catalog(); !good) return fail(good.error());
  return x;
}

result<void> session::read_catalog() {
  auto models = runtime_->models();
  if (!models) return fail(models.error());
  catalog_ = std::move(*models);
  return {};
}

result<catalog_entry> session::find(const std::string& model) const {
  auto whole = model == named_file_;
  for (const auto& x : catalog_) {
    if (model.empty() || whole) {
      if (x.is_default && (described_ || x.service == (named_file_.empty() ? built_in : named_service_)))
        return x;
    } else if (x.model.id == model) {
      return x;
    }
  }
  std::vector<std::string> ids;
  for (const auto& x : catalog_) ids.push_back(x.model.id);
  return fail(errc::unknown_model, unknown("model", model, ids));
}

std::vector<std::string> session::sources_of(const catalog_entry& x) const {
  return x.service == from_files || x.service == from_checkpoints ? sources_ : std::vector<std::string>{};
}

std::map<std::string, std::string> session::settings_of(const catalog_entry& x) const {
  return x.service == from_checkpoints ? checkpoint_settings_ : std::map<std::string, std::string>{};
}

} // namespace vef
