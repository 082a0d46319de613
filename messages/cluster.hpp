#pragma once

#include <vef/messages/embed.hpp>
#include <vef/messages/status.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// What nodes tell each other of themselves, and what anybody may ask about all of them.

namespace vef {

/// The first that two programs say to each other. Frozen for ever: older and newer ones read it, so that the
/// one that is too old can be named.
struct peer_version {
  std::uint32_t protocol = 0; ///< vef::protocol
  std::string version;        ///< vef::version

  bool operator==(const peer_version&) const = default;

  static constexpr std::string_view type_name = "vef::peer_version";
  static constexpr auto fields() {
    return std::tuple{field{"protocol", &peer_version::protocol}, field{"version", &peer_version::version}};
  }
};

/// What does not change about a node while it runs.
struct node_facts {
  std::string name;                     ///< unique in its cluster; empty: a client, which offers nothing
  std::string address = {};             ///< HOST:PORT where other nodes reach it
  std::uint64_t incarnation = 0;        ///< another number, another process; later ones are larger
  std::string version = {};             ///< vef::version
  std::vector<std::string> labels = {}; ///< what requests can ask for: "gpu", "rack-7"
  std::vector<std::string> shared_folders =
      {};                                 ///< below these it reads files that others name by their paths
  bool read_only = false;                 ///< refuses load, unload and new services from others
  std::uint64_t most_bytes = 64ull << 20; ///< of one request; larger ones are refused

  bool operator==(const node_facts&) const = default;

  static constexpr std::string_view type_name = "vef::node_facts";
  static constexpr auto fields() {
    return std::tuple{field{"name", &node_facts::name},
                      field{"address", &node_facts::address},
                      field{"incarnation", &node_facts::incarnation},
                      field{"version", &node_facts::version},
                      field{"labels", &node_facts::labels},
                      field{"shared_folders", &node_facts::shared_folders},
                      field{"read_only", &node_facts::read_only},
                      field{"most_bytes", &node_facts::most_bytes}};
  }
};

/// One model of a node that is in memory, is on its way there, or was: what its catalog does not tell.
struct model_presence {
  model_key who;
  model_state state = model_state::absent;
  vef::tier tier = tier::absent;
  std::vector<device_bytes> needs = {};  ///< of a load, as measured; empty: as the catalog says
  std::uint32_t queued = 0;              ///< pictures that wait or are being worked on
  std::chrono::microseconds load_time{}; ///< measured; 0: not known
  bool pinned = false;

  bool operator==(const model_presence&) const = default;

  static constexpr std::string_view type_name = "vef::model_presence";
  static constexpr auto fields() {
    return std::tuple{
        field{"who", &model_presence::who},       field{"state", &model_presence::state},
        field{"tier", &model_presence::tier},     field{"needs", &model_presence::needs},
        field{"queued", &model_presence::queued}, field{"load_time", &model_presence::load_time},
        field{"pinned", &model_presence::pinned}};
  }
};

/// How one device's memory stands, in bytes.
struct device_room {
  std::string device = "host";
  std::uint64_t capacity = 0; ///< the budget
  std::uint64_t room = 0;     ///< that a load could have without an eviction
  std::uint64_t idle = 0;     ///< held by models that could be evicted for one

  bool operator==(const device_room&) const = default;

  static constexpr std::string_view type_name = "vef::device_room";
  static constexpr auto fields() {
    return std::tuple{field{"device", &device_room::device}, field{"capacity", &device_room::capacity},
                      field{"room", &device_room::room}, field{"idle", &device_room::idle}};
  }
};

/// What changes about a node: all of it, or what is different from an earlier report.
///
/// A report that builds on another one can be applied to just that one. Whoever gets one that it can't apply
/// says so and is sent all.
struct node_report {
  std::string node;
  std::uint64_t incarnation = 0;
  std::uint64_t number = 0;    ///< grows with each
  std::uint64_t builds_on = 0; ///< the number of the report that this one changes; 0: none, it is whole
  health_report health = {};
  std::uint32_t queued = 0; ///< pictures, of all models
  std::vector<device_room> devices = {};
  bool has_catalog = false;                ///< whole reports have one, others if it has changed
  std::vector<catalog_entry> catalog = {}; ///< all models that the node offers
  std::vector<model_presence> models = {}; ///< those that are new or different
  std::vector<model_key> gone = {};        ///< of which there is nothing left to tell

  bool operator==(const node_report&) const = default;

  static constexpr std::string_view type_name = "vef::node_report";
  static constexpr auto fields() {
    return std::tuple{
        field{"node", &node_report::node},       field{"incarnation", &node_report::incarnation},
        field{"number", &node_report::number},   field{"builds_on", &node_report::builds_on},
        field{"health", &node_report::health},   field{"queued", &node_report::queued},
        field{"devices", &node_report::devices}, field{"has_catalog", &node_report::has_catalog},
        field{"catalog", &node_report::catalog}, field{"models", &node_report::models},
        field{"gone", &node_report::gone}};
  }
};

/// Which node should load a model. Asked of the one node that decides about this model, so that two requests
/// at two nodes do not have it loaded twice.
struct place_request {
  std::string service = {}; ///< empty: whichever offers the model
  std::string model;
  std::string node = {};                    ///< only this one; empty: any
  std::vector<std::string> labels = {};     ///< only nodes that have all of these
  std::vector<std::string> refused_by = {}; ///< nodes that were tried and could not
  bool replica = false; ///< the nodes that have it are too busy: one more, if it fits without an eviction

  bool operator==(const place_request&) const = default;

  static constexpr std::string_view type_name = "vef::place_request";
  static constexpr auto fields() {
    return std::tuple{field{"service", &place_request::service},
                      field{"model", &place_request::model},
                      field{"node", &place_request::node},
                      field{"labels", &place_request::labels},
                      field{"refused_by", &place_request::refused_by},
                      field{"replica", &place_request::replica}};
  }
};

/// The answer: load it there.
struct place_reply {
  std::string node;
  std::string service;
  bool joined = false; ///< it was decided for an earlier request: the load is under way
  std::string why = {};

  bool operator==(const place_reply&) const = default;

  static constexpr std::string_view type_name = "vef::place_reply";
  static constexpr auto fields() {
    return std::tuple{field{"node", &place_reply::node}, field{"service", &place_reply::service},
                      field{"joined", &place_reply::joined}, field{"why", &place_reply::why}};
  }
};

/// How the connection to a node is.
enum class link_state : std::uint8_t {
  here,       ///< it is this node
  connecting, ///< never reached, or lost and being tried again
  up,
  ejected, ///< reachable, but it has failed too often of late to be given requests
};

/// What one node knows of another.
struct node_view {
  node_facts facts;
  link_state link = link_state::connecting;
  error problem = {}; ///< why it can't be reached, or was ejected
  node_report report; ///< whole
  timestamp heard_at{};
  std::chrono::microseconds image_time{}; ///< of its answers to this node, per picture; 0: none yet
  std::uint64_t requests = 0;             ///< parts of requests that it was given
  std::uint64_t failures = 0;             ///< of these, that it did not do

  bool operator==(const node_view&) const = default;

  static constexpr std::string_view type_name = "vef::node_view";
  static constexpr auto fields() {
    return std::tuple{field{"facts", &node_view::facts},       field{"link", &node_view::link},
                      field{"problem", &node_view::problem},   field{"report", &node_view::report},
                      field{"heard_at", &node_view::heard_at}, field{"image_time", &node_view::image_time},
                      field{"requests", &node_view::requests}, field{"failures", &node_view::failures}};
  }
};

/// All nodes that a node knows, itself first.
struct cluster_status {
  std::vector<node_view> nodes;

  bool operator==(const cluster_status&) const = default;

  static constexpr std::string_view type_name = "vef::cluster_status";
  static constexpr auto fields() { return std::tuple{field{"nodes", &cluster_status::nodes}}; }
};

std::string_view to_string(link_state x) noexcept;

} // namespace vef
