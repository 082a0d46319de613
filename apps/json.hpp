#pragma once

#include <vef/messages/bytes.hpp>
#include <vef/messages/errors.hpp>
#include <vef/messages/status.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <type_traits>

namespace vef {

using json = nlohmann::ordered_json;

/// "2026-07-01T12:00:00.250Z"; null for the epoch, which stands for never.
json to_json(timestamp when);

/// Null where there is no error.
json to_json(const error& x);

/// Any message struct as JSON, after its `fields()`: enumerations by their words, durations in seconds,
/// pixels and vectors by their size.
template <class T> json to_json(const T& x);

namespace detail {

template <class T> inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
concept worded = std::is_enum_v<T> && requires(T x) {
  to_string(x);
};

template <class T>
concept list = requires(const T& x) {
  x.begin();
  x.end();
}
&&!std::is_convertible_v<T, std::string_view>;

template <class T>
concept dictionary = list<T> && requires {
  typename T::mapped_type;
};

template <class T>
concept maybe = requires(const T& x) {
  x.has_value();
  *x;
};

template <class T> json object_of(const T& x) {
  auto out = json::object();
  std::apply([&](const auto&... f) { ((out[std::string{f.name}] = to_json(x.*f.member)), ...); },
             T::fields());
  return out;
}

template <class T> json list_of(const T& x) {
  auto out = json::array();
  for (const auto& item : x) out.push_back(to_json(item));
  return out;
}

template <class T> json dictionary_of(const T& x) {
  auto out = json::object();
  for (const auto& [key, value] : x) out[key] = to_json(value);
  return out;
}

} // namespace detail

template <class T> json to_json(const T& x) {
  if constexpr (std::is_same_v<T, shared_bytes>)
    return x.size();
  else if constexpr (std::is_same_v<T, matrix>)
    return json{{"rows", x.rows()}, {"dim", x.dim()}};
  else if constexpr (reflected<T>)
    return detail::object_of(x);
  else if constexpr (detail::is_duration<T>)
    return std::chrono::duration<double>(x).count();
  else if constexpr (detail::worded<T>)
    return std::string{to_string(x)};
  else if constexpr (std::is_enum_v<T>)
    return static_cast<std::underlying_type_t<T>>(x);
  else if constexpr (detail::maybe<T>)
    return x.has_value() ? to_json(*x) : json{};
  else if constexpr (detail::dictionary<T>)
    return detail::dictionary_of(x);
  else if constexpr (detail::list<T>)
    return detail::list_of(x);
  else
    return x;
}

/// One line of valid JSON; bytes that are no UTF-8 come out as U+FFFD.
std::string to_line(const json& x);

/// The same over several lines, for people.
std::string to_page(const json& x);

} // namespace vef
