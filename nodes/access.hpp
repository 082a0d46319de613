#pragma once

#include <vef/messages/interfaces.hpp>

#include <concepts>

namespace vef {

/// What a message from another program does to a node.
enum class access : std::uint8_t {
  see,    ///< looks
  embed,  ///< has pictures embedded
  change, ///< loads, unloads, pins, makes and ends services: refused by a node that is read-only
  never,  ///< what only the node's own actors say to each other
};

namespace detail {

template <class Atom, class... Atoms> inline constexpr bool is_one_of = (std::same_as<Atom, Atoms> || ...);

} // namespace detail

/// By the verb, and for `settle` by whether anything comes with it: to the supervisor it is a question, to
/// the governor a figure. What is not named here is refused.
template <class Atom, class... Rest> constexpr access access_of() {
  using detail::is_one_of;
  if constexpr (is_one_of<Atom, embed_atom>)
    return access::embed;
  else if constexpr (is_one_of<Atom, load_atom, unload_atom, pin_atom, create_atom, start_atom, stop_atom,
                               reset_atom, remove_atom>)
    return access::change;
  else if constexpr (is_one_of<Atom, models_atom, backends_atom, status_atom, subscribe_atom, nodes_atom,
                               place_atom, plan_atom>)
    return access::see;
  else if constexpr (is_one_of<Atom, find_atom>)
    return sizeof...(Rest) > 0 ? access::see : access::never; // the supervisor's gives handles without a gate
  else if constexpr (is_one_of<Atom, settle_atom>)
    return sizeof...(Rest) > 0 ? access::never : access::see;
  else
    return access::never;
}

} // namespace vef
