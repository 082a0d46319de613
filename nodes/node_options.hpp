#pragma once

#include <vef/messages/bytes.hpp>
#include <vef/messages/service.hpp>
#include <vef/nodes/address.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vef {

/// What one peer, a node or a client, may ask of this node. A safeguard against mistakes: whoever has a
/// certificate of the deployment is trusted (README, "Security").
struct peer_rules {
  std::uint64_t most_bytes = 64_MiB;         ///< of one request; clients send larger ones in parts
  std::uint32_t most_open = 256;             ///< requests under way
  double requests_per_second = 20'000;       ///< over time
  std::uint32_t burst = 10'000;              ///< requests at once, after a quiet time
  std::uint64_t most_unread = 256_MiB;       ///< answers that the peer is not known to have read
  std::chrono::milliseconds silence{10'000}; ///< without a sign of life; then its session ends

  bool operator==(const peer_rules&) const = default;
};

/// Where models may go.
struct placement_rule {
  std::string model;                    ///< an id, with * for any text: "clip-*"
  std::vector<std::string> nodes = {};  ///< only these; empty: any
  std::vector<std::string> labels = {}; ///< only nodes that have all of these
  std::uint32_t replicas = 4;           ///< nodes that may have it in memory at once, 1 or more

  bool operator==(const placement_rule&) const = default;
};

/// When a node that fails is passed over: as Envoy's outlier detection has it, in small.
struct outlier_rules {
  std::uint32_t failures = 5;                      ///< in a row
  std::chrono::milliseconds first_ejection{5'000}; ///< grows by this with each ejection
  std::chrono::milliseconds longest_ejection{60'000};
  double most_ejected = 0.5; ///< share of the nodes; above it the ejected ones are tried all the same

  bool operator==(const outlier_rules&) const = default;
};

/// How a program is reached over the network, and whom it joins.
struct node_options {
  std::string name = {};                  ///< unique in its cluster; empty: HOST:PORT that it is reached by
  node_address listen{"127.0.0.1", 7400}; ///< port 0: the system chooses
  std::string advertise = {};             ///< HOST[:PORT] by which others reach it; empty: as `listen`
  std::vector<node_address> join = {};    ///< nodes of the cluster, of which one that lives suffices

  /// A folder with ca.pem, certificate.pem and key.pem. Empty: this user's own for this machine, made at the
  /// first start; good on loopback alone.
  std::filesystem::path tls = {};
  bool insecure = false; ///< neither certificates nor secrecy: on loopback alone

  std::vector<std::string> labels = {};
  std::vector<std::filesystem::path> shared_folders = {}; ///< absolute; others may name files below these
  bool read_only = false; ///< others can embed here, and see, but not load, unload or make services

  peer_rules peers = {};
  std::vector<placement_rule> placement = {}; ///< the first that fits a model counts
  outlier_rules outliers = {};
  restart_rules reconnect{.first_pause = std::chrono::milliseconds{100},
                          .longest_pause = std::chrono::milliseconds{5000},
                          .most = 0xffffffff};

  bool operator==(const node_options&) const = default;
};

} // namespace vef
