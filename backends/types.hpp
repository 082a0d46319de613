#pragma once

#include <vef/backends/backend.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <mutex>

namespace vef {

/// Makes a backend from its service's settings. May block; may throw or return an error.
using backend_factory = std::function<result<std::unique_ptr<backend>>(const backend_settings&)>;

/// The kinds of backends that a node can make services of. Grows, never shrinks; safe to share between
/// threads.
class backend_types {
public:
  /// Registers a kind under a name. Errors: duplicate_name, invalid_argument for an empty name.
  result<void> add(std::string name, backend_metadata metadata, backend_factory make);

  /// Registers a class that is constructed from its settings, or from nothing.
  template <std::derived_from<backend> T> result<void> add(std::string name, backend_metadata metadata) {
    return add(std::move(name), std::move(metadata),
               [](const backend_settings& settings) -> result<std::unique_ptr<backend>> {
                 if constexpr (std::constructible_from<T, const backend_settings&>)
                   return std::make_unique<T>(settings);
                 else
                   return std::make_unique<T>();
               });
  }

  /// Errors: unknown_backend, with the nearest name; whatever the factory says; load_failed if it throws.
  result<std::unique_ptr<backend>> make(const std::string& name, const backend_settings& settings) const;

  /// In the order of their names.
  std::vector<backend_metadata> list() const;

private:
  struct entry {
    backend_metadata metadata;
    backend_factory make;
  };
  mutable std::mutex mutex_;
  std::map<std::string, entry> entries_;
};

} // namespace vef
