#include <vef/apps/usual_services.hpp>

#include <vef/apps/sizes.hpp>
#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/environment.hpp>
#include <vef/backends/size_text.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace vef {

namespace fs = std::filesystem;

namespace {

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

std::string joined(const std::vector<std::string>& paths) {
  std::string out;
  for (const auto& x : paths) out += (out.empty() ? "" : ":") + x;
  return out;
}

bool has_backend(const backend_types& types, std::string_view name) {
  return std::ranges::any_of(types.list(), [&](const backend_metadata& x) { return x.name == name; });
}

// Checkpoints lie in folders; and there is the Hub's cache.
std::optional<service_spec> for_checkpoints(const model_sources& from) {
  std::vector<std::string> folders;
  std::error_code none;
  for (const auto& source : from.paths)
    if (fs::is_directory(source, none)) folders.push_back(source);
  auto cache = from.hub_cache && fs::exists(hub_cache_folder(process_environment()), none);
  if (folders.empty() && !cache) return std::nullopt;
  service_spec out{.name = checkpoints_service, .settings = from.settings};
  if (!folders.empty()) out.settings["models"] = joined(folders);
  if (cache) out.settings["hub_cache"] = "true";
  if (auto file = state_file("precision.json"); !file.empty()) out.settings["precision_file"] = file.string();
  return out;
}

} // namespace

result<runtime_options> own_runtime_options(const common_options& options) {
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

result<std::vector<std::string>> checked_sources(const std::vector<std::string>& sources) {
  std::vector<std::string> out;
  for (const auto& source : sources) {
    auto good = checked_source(source);
    if (!good) return fail(good.error());
    out.push_back(std::move(*good));
  }
  return out;
}

result<std::vector<service_spec>> services_for(const model_sources& from, const backend_types& types) {
  if (!from.paths.empty() && !has_backend(types, files_service))
    return fail(errc::unknown_backend,
                "cannot use " + vef::quoted(from.paths.front()) + ": this build of vef has no torch backend");
  std::vector<service_spec> out;
  std::vector<std::string> files;
  for (const auto& source : from.paths)
    if (!is_checkpoint(source)) files.push_back(source);
  if (!files.empty()) out.push_back({.name = files_service, .settings = {{"models", joined(files)}}});
  if (auto checkpoints = for_checkpoints(from)) out.push_back(std::move(*checkpoints));
  return out;
}

result<std::vector<service_spec>> usual_services(const model_sources& from, const backend_types& types) {
  auto out = services_for(from, types);
  if (out) out->insert(out->begin(), service_spec{.name = built_in_service});
  return out;
}

bool is_checkpoint(const std::string& folder) {
  std::error_code none;
  return fs::is_regular_file(fs::path{folder} / "config.json", none);
}

} // namespace vef
