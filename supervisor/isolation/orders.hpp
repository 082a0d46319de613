#pragma once

#include <vef/actors/model.hpp>
#include <vef/messages/interfaces.hpp>

namespace vef {

/// What a child process is told to run.
struct child_orders {
  service_spec spec;
  governor_actor governor; ///< of the parent: it decides about this process's memory as well
  model_listener_actor listener;
  model_options models;
  idle_timeouts idle;
  worker_counts work;

  static constexpr std::string_view type_name = "vef::child_orders";
  static constexpr auto fields() {
    return std::tuple{field{"spec", &child_orders::spec},         field{"governor", &child_orders::governor},
                      field{"listener", &child_orders::listener}, field{"models", &child_orders::models},
                      field{"idle", &child_orders::idle},         field{"work", &child_orders::work}};
  }
};

/// What a child process says when it has done as told, or could not.
struct child_news {
  error problem = {};    ///< why there is no service
  service_actor service; ///< else this one

  static constexpr std::string_view type_name = "vef::child_news";
  static constexpr auto fields() {
    return std::tuple{field{"problem", &child_news::problem}, field{"service", &child_news::service}};
  }
};

/// Where a child process reports: the actor that stands for it in the parent.
using child_door_actor = actor_of<
    // A child is there and asks what to run.
    child_orders(hello_atom),
    // It runs, or can't.
    bool(hello_atom, child_news)>;

/// The variables that tell a child where its parent's door is, and which certificates open it.
inline constexpr auto child_port_variable = "VEF_CHILD_PORT";
inline constexpr auto child_certificates_variable = "VEF_CHILD_CERTIFICATES";
inline constexpr auto child_log_variable = "VEF_CHILD_LOG"; ///< the level

} // namespace vef

CAF_BEGIN_TYPE_ID_BLOCK(vef_isolation, caf::id_block::vef::end)
CAF_ADD_TYPE_ID(vef_isolation, (vef::child_door_actor))
CAF_ADD_TYPE_ID(vef_isolation, (vef::child_news))
CAF_ADD_TYPE_ID(vef_isolation, (vef::child_orders))
CAF_END_TYPE_ID_BLOCK(vef_isolation)
