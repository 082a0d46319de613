#pragma once

#include <algorithm>
#include <list>
#include <string>

namespace vef {

/// Names in the order of their last use, the least recent first.
class recency {
public:
  /// Adds the name, or moves it to the end.
  void use(const std::string& name) {
    names_.remove(name);
    names_.push_back(name);
  }

  void forget(const std::string& name) { names_.remove(name); }

  bool contains(const std::string& name) const { return std::ranges::find(names_, name) != names_.end(); }
  std::size_t size() const { return names_.size(); }
  const std::list<std::string>& oldest_first() const { return names_; }

private:
  std::list<std::string> names_;
};

} // namespace vef
