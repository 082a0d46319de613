#pragma once

#include <concepts>
#include <string_view>
#include <tuple>

namespace vef {

/// One named member of a message struct.
template <class Struct, class Member> struct field {
  std::string_view name;
  Member Struct::*member;
};

template <class Struct, class Member> field(std::string_view, Member Struct::*) -> field<Struct, Member>;

/// A message struct says once what it is made of; the network format (caf.hpp) and JSON both follow from it:
///
///     struct point {
///       int x = 0, y = 0;
///       static constexpr std::string_view type_name = "vef::point";
///       static constexpr auto fields() { return std::tuple{field{"x", &point::x}, field{"y", &point::y}}; }
///     };
///
/// The fields travel in this order and without names, so a published struct is never edited: a new one takes
/// its place and the protocol number goes up.
template <class T>
concept reflected = requires {
  { T::type_name } -> std::convertible_to<std::string_view>;
  T::fields();
};

} // namespace vef
