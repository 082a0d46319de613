#pragma once

#include <vef/messages/caf.hpp>

#include <utility>

// An actor that answers every message of an interface in one way: by handing it on.

namespace vef {

namespace detail {

template <class T> using received = std::conditional_t<caf::is_atom_constant<T>::value, T, T&>;

template <class Signature> struct relayed;

template <class... In, class Out>
struct relayed<caf::typed_mpi<caf::detail::type_list<In...>, caf::output_tuple<Out>>> {
  template <class Owner> static auto handler(Owner* owner) {
    return [owner](received<In>... message) -> caf::result<Out> {
      return owner->template pass<Out>(message...);
    };
  }
};

template <class Owner, class... Signatures, class... More>
auto relay(Owner* owner, caf::detail::type_list<Signatures...>, More... more) {
  return typename Owner::interface::behavior_type {
    relayed<Signatures>::handler(owner)..., std::move(more)...
  };
}

} // namespace detail

/// The behaviour of an actor with the messages of `Actor`, each of which becomes a call of
///
///     template <class Out, class... In> caf::result<Out> pass(In&... message);
///
/// and with further ones of its own.
template <class Actor, class Owner, class... More> auto relay_all(Owner* owner, More... more) {
  return detail::relay(owner, typename Actor::signatures{}, std::move(more)...);
}

} // namespace vef
