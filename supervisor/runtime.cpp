#include <vef/supervisor/runtime_core.hpp>

#include <algorithm>

namespace vef {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

} // namespace

// -- embeddings ---------------------------------------------------------------------------------------------

embeddings::embeddings(vef::error why, std::size_t images) {
  reply_.outcomes.assign(images, why);
  reply_.vectors = matrix{images, 0, nullptr};
}

bool embeddings::all_ok() const noexcept {
  return std::ranges::none_of(reply_.outcomes, &vef::error::operator bool);
}

namespace {

constexpr milliseconds control_limit = 30s; // for answers that need no model
constexpr milliseconds work_limit = 11min;  // for loads and unloads, which have bounds of their own

/// Waits for an answer. Being woken takes longer than a short request: for a moment the thread looks for
/// itself, and lets others have its core meanwhile.
embeddings await(std::future<embeddings> answer) {
  for (auto end = std::chrono::steady_clock::now() + 100us; std::chrono::steady_clock::now() < end;) {
    if (answer.wait_for(0s) == std::future_status::ready) break;
    std::this_thread::yield();
  }
  return answer.get();
}

} // namespace

namespace {

runtime_host_ptr local_host(runtime_options options) {
  runtime_host_ptr out{new runtime_host};
  or_throw(add_processes(*out, options));
  or_throw(start(*out, std::move(options)));
  return out;
}

} // namespace

runtime::runtime(runtime_options options)
    : runtime(local_host(std::move(options))) {}

runtime::runtime(runtime_host_ptr host)
    : backends_(host->backends)
    , core_(std::make_unique<core>(std::move(host))) {}

runtime::~runtime() = default;

// -- services -----------------------------------------------------------------------------------------------

result<service> runtime::create(service_spec spec) {
  auto made =
      core_->ask<service_status>(core_->actors.supervisor, work_limit, create_atom_v, std::move(spec));
  if (!made) return fail(made.error());
  return service{this, made->name};
}

result<service> runtime::find(const std::string& name) {
  auto found = core_->find(name);
  if (!found) return fail(found.error());
  return service{this, name};
}

result<void> runtime::wait_for_services() {
  return core_->ask<void>(core_->actors.supervisor, work_limit, settle_atom_v);
}

result<service> runtime::start(const std::string& name) {
  auto started = core_->ask<service_status>(core_->actors.supervisor, work_limit, start_atom_v, name);
  if (!started) return fail(started.error());
  return service{this, name};
}

result<service> runtime::reset(const std::string& name) {
  auto started = core_->ask<service_status>(core_->actors.supervisor, work_limit, reset_atom_v, name);
  if (!started) return fail(started.error());
  return service{this, name};
}

result<std::vector<unload_report>> runtime::stop(const std::string& name) {
  return core_->ask<std::vector<unload_report>>(core_->actors.supervisor, work_limit, stop_atom_v, name);
}

result<void> runtime::remove(const std::string& name) {
  auto done =
      core_->ask<std::vector<unload_report>>(core_->actors.supervisor, work_limit, remove_atom_v, name);
  if (!done) return fail(done.error());
  return {};
}

// -- embedding ----------------------------------------------------------------------------------------------

embeddings runtime::embed(embed_request request) { return await(embed_async(std::move(request))); }

std::future<embeddings> runtime::embed_async(embed_request request) {
  // The model answers at the deadline; a little later nobody else will.
  auto deadline =
      open_futures::clock::now() + request.time_allowed.value_or(model_options{}.time_allowed) + 10s;
  auto [ticket, future] = core_->futures->add(request.images.size(), deadline);
  caf::anon_send(core_->front, embed_atom_v, ticket, std::move(request));
  return std::move(future);
}

embeddings service::embed(std::vector<image> images, embed_request options) const {
  return await(embed_async(std::move(images), std::move(options)));
}

std::future<embeddings> service::embed_async(std::vector<image> images, embed_request options) const {
  options.service = name_;
  options.images = std::move(images);
  return owner_->embed_async(std::move(options));
}

// -- models -------------------------------------------------------------------------------------------------

result<model_status> runtime::load(const std::string& name, const std::string& model) {
  return core_->ask_registry<model_status>(work_limit, load_atom_v, name, model);
}

result<model_status> service::load(const std::string& model) const {
  auto handle = owner_->core_->find(name_);
  if (!handle) return fail(handle.error());
  return owner_->core_->ask<model_status>(*handle, work_limit, load_atom_v, model);
}

result<std::vector<unload_report>> service::unload(const std::string& model) const {
  return model.empty() ? owner_->unload_service(name_) : owner_->unload_model(name_, model);
}

result<service_status> service::status() const {
  auto handle = owner_->core_->find(name_);
  if (!handle) return fail(handle.error());
  return owner_->core_->ask<service_status>(*handle, control_limit, status_atom_v);
}

result<std::vector<catalog_entry>> service::models() const {
  auto handle = owner_->core_->find(name_);
  if (!handle) return fail(handle.error());
  return owner_->core_->ask<std::vector<catalog_entry>>(*handle, control_limit, models_atom_v);
}

result<std::vector<unload_report>> runtime::unload_all(unload_mode mode) {
  return core_->ask_governor<std::vector<unload_report>>(work_limit, unload_atom_v,
                                                         unload_request{.mode = mode});
}

result<std::vector<unload_report>> runtime::unload_service(const std::string& name, unload_mode mode) {
  if (auto known = core_->find(name); !known) return fail(known.error());
  return core_->ask_governor<std::vector<unload_report>>(work_limit, unload_atom_v,
                                                         unload_request{name, {}, mode});
}

result<std::vector<unload_report>> runtime::unload_model(const std::string& name, const std::string& model,
                                                         unload_mode mode) {
  auto handle = core_->find(name);
  if (!handle) return fail(handle.error());
  return core_->ask<std::vector<unload_report>>(*handle, work_limit, unload_atom_v, model, mode);
}

result<std::vector<unload_report>> runtime::unload_by_pressure(double threshold) {
  return core_->ask_governor<std::vector<unload_report>>(work_limit, unload_atom_v,
                                                         pressure_request{threshold});
}

result<std::vector<unload_report>> runtime::unload_by_timeout(idle_timeouts limits) {
  return core_->ask_governor<std::vector<unload_report>>(work_limit, unload_atom_v, limits);
}

result<void> runtime::set_pin(const std::string& name, const std::string& model, bool pinned) {
  auto handle = core_->find(name);
  if (!handle) return fail(handle.error());
  return core_->ask<void>(*handle, control_limit, pin_atom_v, model, pinned);
}

result<void> runtime::pin(const std::string& name, const std::string& model) {
  return set_pin(name, model, true);
}

result<void> runtime::unpin(const std::string& name, const std::string& model) {
  return set_pin(name, model, false);
}

result<load_plan> runtime::plan(const std::string& name, const std::string& model) {
  auto handle = core_->find(name);
  if (!handle) return fail(handle.error());
  return core_->ask<load_plan>(*handle, control_limit, plan_atom_v, model);
}

result<memory_status> runtime::memory() {
  return core_->ask_governor<memory_status>(control_limit, status_atom_v);
}

result<std::vector<catalog_entry>> runtime::models() {
  return core_->ask_registry<std::vector<catalog_entry>>(control_limit, models_atom_v);
}

result<node_status> runtime::status() {
  return core_->ask<node_status>(core_->actors.supervisor, control_limit, status_atom_v);
}

} // namespace vef
