#include <vef/apps/session.hpp>

#include <vef/apps/node_client.hpp>
#include <vef/apps/usual_services.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/supervisor/spec_file.hpp>

#include <algorithm>
#include <array>

namespace vef {

bool names_model_file(const std::string& model) {
  constexpr std::array<std::string_view, 4> endings{".pt", ".pt2", ".toml", ".json"};
  return std::ranges::any_of(endings, [&](std::string_view x) { return model.ends_with(x); });
}

bool names_checkpoint(const std::string& model) { return !model.empty() && is_checkpoint(model); }

result<session> session::open(const common_options& options, const std::string& model) {
  if (!options.nodes.empty()) return open_remote(options);
  session x;
  auto wanted = options.models;
  if (names_model_file(model) || names_checkpoint(model)) {
    x.named_file_ = model;
    x.named_service_ = names_checkpoint(model) ? checkpoints_service : files_service;
    wanted = {model};
  }
  auto sources = checked_sources(wanted);
  if (!sources) return fail(sources.error());
  x.sources_ = std::move(*sources);
  auto settings = own_runtime_options(options);
  if (!settings) return fail(settings.error());
  if (!options.services.empty()) return open_described(options, std::move(*settings), std::move(x));
  auto specs = usual_services(
      {.paths = x.sources_, .settings = options.checkpoints, .hub_cache = x.named_file_.empty()},
      *settings->backends);
  if (!specs) return fail(specs.error());
  x.checkpoint_settings_ = options.checkpoints;
  x.runtime_ = std::make_unique<vef::runtime>(std::move(*settings));
  for (auto& spec : *specs)
    if (auto made = x.runtime_->create(std::move(spec)); !made) return fail(made.error());
  if (auto good = x.read_catalog(); !good) return fail(good.error());
  return x;
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
  x.origin_ = origin::described;
  x.runtime_ = std::make_unique<vef::runtime>(std::move(settings));
  if (auto settled = x.runtime_->wait_for_services(); !settled) return fail(settled.error());
  if (auto good = x.read_catalog(); !good) return fail(good.error());
  return x;
}

result<session> session::open_remote(const common_options& options) {
  auto there = remote_runtime(options);
  if (!there) return fail(there.error());
  session x;
  x.origin_ = origin::nodes;
  x.runtime_ = std::move(*there);
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
      auto any = origin_ != origin::usual;
      if (x.is_default && (any || x.service == (named_file_.empty() ? built_in_service : named_service_)))
        return x;
    } else if (x.model.id == model) {
      return x;
    }
  }
  if (origin_ == origin::nodes && (names_model_file(model) || names_checkpoint(model)))
    return fail(errc::unknown_model, "cannot use " + vef::quoted(model)
                                         + ": it is on this machine, and a node has models of its own");
  std::vector<std::string> ids;
  for (const auto& x : catalog_) ids.push_back(x.model.id);
  return fail(errc::unknown_model, unknown("model", model, ids));
}

std::vector<std::string> session::sources_of(const catalog_entry& x) const {
  return x.service == files_service || x.service == checkpoints_service ? sources_
                                                                        : std::vector<std::string>{};
}

std::map<std::string, std::string> session::settings_of(const catalog_entry& x) const {
  return x.service == checkpoints_service ? checkpoint_settings_ : std::map<std::string, std::string>{};
}

} // namespace vef
