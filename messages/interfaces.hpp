#pragma once

#include <vef/messages/atoms.hpp>
#include <vef/messages/caf.hpp>
#include <vef/messages/cluster.hpp>
#include <vef/messages/embed.hpp>
#include <vef/messages/status.hpp>

// The interfaces of the actors that anybody may talk to, in the order in which a request meets them.
// Everything here can cross the network. Errors are CAF errors of the category "vef"; `from_caf` reads them.

namespace vef {

/// One model of a service. Loads itself when it is first asked for something.
using model_actor = actor_of<
    // Embeds pictures: one vector or one error for each. Errors of the whole: unknown_variant,
    // invalid_argument (no pictures, or more than the queue holds), overloaded, over_budget, load_failed,
    // deadline_exceeded, shutting_down.
    embed_reply(embed_atom, embed_request),
    // Loads the model and answers when it is ready. Concurrent loads join into one. Errors: as above.
    model_status(load_atom),
    // Unloads the model and answers when its memory is back. What became of it stands in the report.
    unload_report(unload_atom, unload_mode),
    // Moves the model down to a tier of its ladder and answers when the memory above is back. As `unload`
    // otherwise.
    unload_report(demote_atom, tier, unload_mode),
    // Gives back the working memory that no forward pass uses.
    unload_report(trim_atom),
    // Memory is so short: how large its batches may be follows from it.
    void(pressure_atom, pressure),
    // Embeds a tiny picture by the way that all pictures go, if the model is ready; answers whether that went
    // well. Is no use of the model.
    void(probe_atom, std::chrono::milliseconds),
    // There is another governor: tells it what the model has in memory.
    void(put_atom, caf::strong_actor_ptr),
    // Answers at once, whatever the model is doing. Is no use of the model.
    model_status(status_atom)>;

/// An instance of a backend, with a catalog of models.
using service_actor = actor_of<
    // Hands the pictures to the model that the request names, or to the default one. Errors: unknown_model,
    // shutting_down, and the model's.
    embed_reply(embed_atom, embed_request),
    // Loads a model by its id; the empty id is the default one.
    model_status(load_atom, std::string),
    // Unloads a model by its id; the empty id means every model in memory. A pinned one stays, and its report
    // says so. Errors: unknown_model.
    std::vector<unload_report>(unload_atom, std::string, unload_mode),
    // What loading a model, the default one for the empty id, would need and evict. Does nothing. Errors:
    // unknown_model.
    load_plan(plan_atom, std::string),
    // Pins a model, or unpins it: a pinned one, once loaded, is never evicted. Errors: unknown_model.
    void(pin_atom, std::string, bool),
    // The catalog, the default model first.
    std::vector<catalog_entry>(models_atom),
    // Answers at once. Is no use of any model.
    service_status(status_atom),
    // Whether it is able to work: asks the backend, looks for work that is stuck, and embeds a tiny picture
    // if asked to. Answers within the time that the request allows. Is no use of any model.
    check_report(check_atom, check_request),
    // There is another governor, whose handle this is: all models turn to it.
    void(put_atom, caf::strong_actor_ptr),
    // From its models: this one has come into memory or gone.
    void(event_atom, model_status),
    // Refuses new requests, lets those under way finish for at most so long, unloads every model, answers.
    std::vector<unload_report>(drain_atom, std::chrono::milliseconds)>;

/// Hears of models that come into memory or go.
using model_listener_actor = actor_of<void(event_atom, model_status)>;

/// Hears of services that come, go or change state.
using listener_actor = actor_of<void(event_atom, registry_event)>;

/// The front door: knows the backend types, the services and their models.
using registry_actor = actor_of<
    // Hands the pictures to the service that the request names, or to the first that offers the model.
    // Errors: unknown_service, unknown_model, unavailable, and the service's.
    embed_reply(embed_atom, embed_request),
    // Loads a model of this service, or of the first that offers it if none is named. Errors: those of
    // `embed`.
    model_status(load_atom, std::string, std::string),
    // Unloads models: those of the service and of the id named, all where a name is empty. One report for
    // each that was in memory.
    std::vector<unload_report>(unload_atom, unload_request),
    // All models of all running services.
    std::vector<catalog_entry>(models_atom),
    // The kinds of backends that services can be made of.
    std::vector<backend_metadata>(backends_atom),
    // The handle of a running service. Errors: unknown_service, unavailable.
    service_actor(find_atom, std::string),
    // Each service as it is now; one that does not answer in time says so in its reason.
    std::vector<service_status>(status_atom),
    // Tells the listener of every change from now on, after one event for each service that is there.
    void(subscribe_atom, listener_actor),
    // For the supervisor: a service is there or has changed state; one without a handle is known but not
    // running.
    void(put_atom, service_status, service_actor), void(put_atom, service_status),
    // For the supervisor: a service is gone.
    void(release_atom, std::string),
    // For the supervisor: no request is taken from now on; the node is being stopped.
    void(drain_atom)>;

/// Decides what may be in memory. Everything that comes in or goes is asked for here, so that it is decided
/// in one place.
using governor_actor = actor_of<
    // Sets memory aside for a load, or a move to a higher tier, of this model. Answers when there is room:
    // idle models are evicted for it, those that are busy are waited for. Errors: over_budget, with who holds
    // the memory; out_of_memory while memory is critically short; overloaded if too many wait already;
    // invalid_argument for a device that this node does not have.
    load_grant(reserve_atom, load_claim, model_actor),
    // The model is in a tier: what was measured takes the place of what was reserved. Errors: over_budget if
    // that is more than there is room for.
    void(settle_atom, load_result),
    // The model would use so many bytes of working memory on a device in all. Answers at once with how many
    // it may: as many as it has, or more.
    std::uint64_t(grow_atom, model_key, device_bytes),
    // The model is out of memory, or its load failed: gives back what it held.
    void(release_atom, model_key),
    // After a governor has died, to its successor: this model is in memory already. If that is more than
    // there is room for, it has to leave.
    void(adopt_atom, load_claim, load_result, model_actor),
    // A thread is stuck in this model, whose memory nobody can give back: it is kept in the ledger under the
    // second name until `release` tells of its end.
    void(strand_atom, model_key, model_key),
    // What a model was used for (the usage tracker's `record_usage`).
    void(usage_atom, usage_record),
    // Unloads one model, those of a service, or all: one report for each model that was in memory. A pinned
    // model stays, and its report says so. For a named model or service that is not in memory an empty list.
    std::vector<unload_report>(unload_atom, unload_request),
    // Unloads idle models by the eviction policy until no memory is in use by more than the threshold.
    // Errors: invalid_argument.
    std::vector<unload_report>(unload_atom, pressure_request),
    // Unloads what has been idle for longer than these. Errors: invalid_argument.
    std::vector<unload_report>(unload_atom, idle_timeouts),
    // Pins a model, or unpins it.
    void(pin_atom, model_key, bool),
    // What this load would need and evict. Does nothing.
    load_plan(plan_atom, load_claim),
    // What the kernel and drivers say of memories. A device that was not known is added.
    void(pressure_atom, std::vector<device_reading>),
    // The ledger of every device, what is known of each model, and who left last.
    memory_status(status_atom)>;

/// Where to turn to on a node. Handles are stale after their actor has died; the supervisor gives new ones.
struct node_actors {
  registry_actor registry;
  governor_actor governor;

  bool operator==(const node_actors&) const = default;

  static constexpr std::string_view type_name = "vef::node_actors";
  static constexpr auto fields() {
    return std::tuple{field{"registry", &node_actors::registry}, field{"governor", &node_actors::governor}};
  }
};

/// The root: starts services in the order of their needs, watches them, starts those again that die, and
/// stops them in reverse.
using supervisor_actor = actor_of<
    // Makes a service and answers when it runs; or, without auto_start, when it is known. A service of that
    // name that failed is replaced. Errors: duplicate_name, unknown_backend, unknown_service (a dependency),
    // invalid_config, missing_capability, load_failed, unavailable (a dependency has failed).
    service_status(create_atom, service_spec),
    // Starts a stopped service, and before it those that it needs; answers when it runs. Errors:
    // unknown_service, in_use if it runs or is about to, unavailable if it has failed, and those of `create`.
    service_status(start_atom, std::string),
    // Drains and stops a service, which stays known. Errors: unknown_service, in_use if another one depends
    // on it, invalid_argument if it does not run.
    std::vector<unload_report>(stop_atom, std::string),
    // Lets a service that failed, or that waits for its restart, start at once and with a clean record.
    // Errors: unknown_service, invalid_argument if it is in another state, and those of `create`.
    service_status(reset_atom, std::string),
    // Drains and stops a service and forgets it. Errors: unknown_service, in_use if another one depends on
    // it.
    std::vector<unload_report>(remove_atom, std::string),
    // Answers when no service is on its way: each runs, is stopped, has failed, or waits for one that has.
    void(settle_atom),
    // The registry and the governor as they are now.
    node_actors(find_atom),
    // All there is to know of this node.
    node_status(status_atom),
    // Drains and stops everything in reverse order within the time given, then ends. Answers when all is
    // stopped.
    void(shutdown_atom, std::chrono::milliseconds)>;

/// The front door of several nodes: what a registry answers, for all of them. A picture, a batch or a load
/// goes to the node where it is done soonest; what is lost with a node is done by another one.
using cluster_actor =
    extended<registry_actor,
             // What this node knows of all.
             cluster_status(nodes_atom),
             // As `load` and `unload` of the registry, on the node of that name. Errors: unreachable,
             // not_allowed, and the registry's.
             model_status(load_atom, std::string, std::string, std::string),
             std::vector<unload_report>(unload_atom, std::string, unload_request),
             // Which node should load a model. Errors: over_budget, with the figures of each node;
             // unknown_model; unknown_service; invalid_argument for a node or a label that there is not.
             place_reply(place_atom, place_request),
             // Makes a service on the node of that name, whose supervisor owns it. Errors: unreachable,
             // not_allowed, and those of the supervisor.
             service_status(create_atom, std::string, service_spec)>;

struct session_hello;
struct session_welcome;

/// What a node publishes at its port. Frozen in its first message.
using door_actor = actor_of<
    // Says which version is here. Answered whatever the asker's is.
    peer_version(hello_atom, peer_version),
    // Opens a session, which ends with the actor that asks. Errors: incompatible_version, duplicate_name,
    // overloaded, shutting_down.
    session_welcome(hello_atom, session_hello)>;

/// One side's hold on the other for as long as both live: what it may ask there goes through this session's
/// own handles, so that it is counted.
using session_actor = actor_of<
    // A report of the node that opened the session. False if it can't be applied: all is wanted.
    bool(event_atom, node_report),
    // Whether there is anybody. Answered with the nodes that it knows.
    std::vector<node_facts>(ping_atom)>;

/// How a program introduces itself.
struct session_hello {
  node_facts who;
  door_actor door; ///< of a node: the way back over the same connection; empty for a client

  static constexpr std::string_view type_name = "vef::session_hello";
  static constexpr auto fields() {
    return std::tuple{field{"who", &session_hello::who}, field{"door", &session_hello::door}};
  }
};

/// What it is given.
struct session_welcome {
  node_facts who;
  std::vector<node_facts> members; ///< all nodes that it knows
  session_actor session;
  cluster_actor front;
  governor_actor governor;
  supervisor_actor supervisor;

  static constexpr std::string_view type_name = "vef::session_welcome";
  static constexpr auto fields() {
    return std::tuple{
        field{"who", &session_welcome::who},           field{"members", &session_welcome::members},
        field{"session", &session_welcome::session},   field{"front", &session_welcome::front},
        field{"governor", &session_welcome::governor}, field{"supervisor", &session_welcome::supervisor}};
  }
};

} // namespace vef

CAF_BEGIN_TYPE_ID_BLOCK(vef, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(vef, (std::chrono::milliseconds))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::backend_metadata>))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::catalog_entry>))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::device_reading>))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::service_status>))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::unload_report>))
CAF_ADD_TYPE_ID(vef, (std::vector<vef::node_facts>))
CAF_ADD_TYPE_ID(vef, (vef::check_report))
CAF_ADD_TYPE_ID(vef, (vef::check_request))
CAF_ADD_TYPE_ID(vef, (vef::cluster_actor))
CAF_ADD_TYPE_ID(vef, (vef::cluster_status))
CAF_ADD_TYPE_ID(vef, (vef::device_bytes))
CAF_ADD_TYPE_ID(vef, (vef::door_actor))
CAF_ADD_TYPE_ID(vef, (vef::embed_reply))
CAF_ADD_TYPE_ID(vef, (vef::embed_request))
CAF_ADD_TYPE_ID(vef, (vef::governor_actor))
CAF_ADD_TYPE_ID(vef, (vef::idle_timeouts))
CAF_ADD_TYPE_ID(vef, (vef::listener_actor))
CAF_ADD_TYPE_ID(vef, (vef::load_claim))
CAF_ADD_TYPE_ID(vef, (vef::load_grant))
CAF_ADD_TYPE_ID(vef, (vef::load_plan))
CAF_ADD_TYPE_ID(vef, (vef::load_result))
CAF_ADD_TYPE_ID(vef, (vef::memory_status))
CAF_ADD_TYPE_ID(vef, (vef::model_actor))
CAF_ADD_TYPE_ID(vef, (vef::model_key))
CAF_ADD_TYPE_ID(vef, (vef::model_listener_actor))
CAF_ADD_TYPE_ID(vef, (vef::model_status))
CAF_ADD_TYPE_ID(vef, (vef::node_actors))
CAF_ADD_TYPE_ID(vef, (vef::node_report))
CAF_ADD_TYPE_ID(vef, (vef::node_status))
CAF_ADD_TYPE_ID(vef, (vef::peer_version))
CAF_ADD_TYPE_ID(vef, (vef::place_reply))
CAF_ADD_TYPE_ID(vef, (vef::place_request))
CAF_ADD_TYPE_ID(vef, (vef::pressure))
CAF_ADD_TYPE_ID(vef, (vef::pressure_request))
CAF_ADD_TYPE_ID(vef, (vef::registry_actor))
CAF_ADD_TYPE_ID(vef, (vef::registry_event))
CAF_ADD_TYPE_ID(vef, (vef::service_actor))
CAF_ADD_TYPE_ID(vef, (vef::service_spec))
CAF_ADD_TYPE_ID(vef, (vef::service_status))
CAF_ADD_TYPE_ID(vef, (vef::session_actor))
CAF_ADD_TYPE_ID(vef, (vef::session_hello))
CAF_ADD_TYPE_ID(vef, (vef::session_welcome))
CAF_ADD_TYPE_ID(vef, (vef::supervisor_actor))
CAF_ADD_TYPE_ID(vef, (vef::tier))
CAF_ADD_TYPE_ID(vef, (vef::unload_mode))
CAF_ADD_TYPE_ID(vef, (vef::unload_report))
CAF_ADD_TYPE_ID(vef, (vef::unload_request))
CAF_ADD_TYPE_ID(vef, (vef::usage_record))
CAF_END_TYPE_ID_BLOCK(vef)

namespace vef {

/// The one line that an existing CAF application adds, before it makes its actor system:
///
///     caf::actor_system_config config;
///     vef::add_message_types(config);
void add_message_types(caf::actor_system_config& config);

} // namespace vef
