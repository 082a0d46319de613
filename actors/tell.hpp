#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>

#include <utility>

namespace vef {

/// Says something to an actor, if it is still there. For what a thread holds that may outlive the actor
/// system.
template <class Handle, class... Ts> void tell(const caf::weak_actor_ptr& whom, Ts&&... message) {
  if (auto alive = caf::actor_cast<caf::strong_actor_ptr>(whom))
    caf::anon_send(caf::actor_cast<Handle>(alive), std::forward<Ts>(message)...);
}

} // namespace vef
