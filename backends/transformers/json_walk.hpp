#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string_view>

namespace vef {

/// What hears of the values of a JSON text, in their order. An error ends the walk.
class json_visitor {
public:
  virtual ~json_visitor() = default;

  virtual result<void> object() = 0; ///< begins
  virtual result<void> list() = 0;   ///< begins
  virtual result<void> end() = 0;    ///< of an object or a list

  /// A key of an object. False: the walk passes over its value, whatever it is.
  virtual result<bool> key(std::string_view name) = 0;

  virtual result<void> text(std::string_view value) = 0;
  virtual result<void> number(std::uint64_t value) = 0;

  /// A value of another kind: "null", "true or false", "a negative number", "a number that is not whole".
  virtual result<void> other(std::string_view kind) = 0;
};

/// Walks over JSON text that a stranger wrote: valid UTF-8 without a byte order mark, nothing but spaces
/// around the value, nested at most 32 levels deep. Nothing larger than the text is held, so that its size
/// bounds the memory. `subject` begins the errors' sentence: "its header". Errors: the visitor's,
/// corrupt_model, and out_of_memory; no exception leaves it.
result<void> walk_json(std::string_view text, std::string_view subject, json_visitor& visitor) noexcept;

} // namespace vef
