#include <vef/backends/types.hpp>

#include <vef/backends/guard.hpp>
#include <vef/messages/suggest.hpp>

namespace vef {

result<void> backend_types::add(std::string name, backend_metadata metadata, backend_factory make) {
  if (name.empty()) return fail(errc::invalid_argument, "a backend type needs a name");
  metadata.name = name;
  std::lock_guard lock{mutex_};
  auto [it, fresh] = entries_.try_emplace(name, entry{std::move(metadata), std::move(make)});
  if (!fresh) return fail(errc::duplicate_name, "a backend type " + quoted(name) + " is registered already");
  return {};
}

result<std::unique_ptr<backend>> backend_types::make(const std::string& name,
                                                     const backend_settings& settings) const {
  backend_factory factory;
  {
    std::lock_guard lock{mutex_};
    auto it = entries_.find(name);
    if (it == entries_.end()) {
      std::vector<std::string> names;
      for (const auto& [known, ignored] : entries_) names.push_back(known);
      return fail(errc::unknown_backend, unknown("backend", name, names));
    }
    factory = it->second.make;
  }
  // Outside the lock: a factory may take long.
  return guarded(errc::load_failed, "cannot make a backend " + quoted(name),
                 [&] { return factory(settings); });
}

std::vector<backend_metadata> backend_types::list() const {
  std::lock_guard lock{mutex_};
  std::vector<backend_metadata> all;
  for (const auto& [name, registered] : entries_) all.push_back(registered.metadata);
  return all;
}

} // namespace vef
