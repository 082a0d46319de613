#pragma once

#include <vef/messages/service.hpp>
#include <vef/nodes/node_options.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vef {

/// A node as a file describes it.
struct node_file {
  node_options node = {};
  std::vector<service_spec> services = {};
  std::vector<std::string> models =
      {};                    ///< absolute: folders and files of models to offer, beside the services
  std::string budget = {};   ///< as parse_size reads it, "16GiB" or "80%"; empty: not said
  std::uint32_t threads = 0; ///< cores to use; 0: not said

  bool operator==(const node_file&) const = default;
};

/// Reads a node's file.
///
///     [node]                             # what is left out is as in `node_options`
///     name = "a"
///     listen = "0.0.0.0:7400"
///     advertise = "a.example.org"
///     join = ["b:7400"]
///     tls = "/etc/vef/tls"
///     insecure = false
///     labels = ["gpu"]
///     shared_folders = ["/srv/photos"]
///     read_only = false
///     models = ["/srv/models"]
///     budget = "16GiB"                   # of memory, for models; or "80%"
///     threads = 8
///
///     [node.peers]                       # what each of them may ask
///     most_bytes = "64MiB"
///     most_open = 256
///     requests_per_second = 2000
///     burst = 1000
///     most_unread = "256MiB"
///     silence = "10s"
///
///     [node.outliers]                    # when a node that fails is passed over
///     failures = 5
///     first_ejection = "5s"
///     longest_ejection = "1min"
///     most_ejected = 0.5
///
///     [node.reconnect]
///     first_pause = "100ms"
///     longest_pause = "5s"
///
///     [[placement]]                      # the first that fits a model counts
///     model = "clip-*"
///     nodes = ["a"]
///     labels = ["gpu"]
///     replicas = 2
///
///     [[service]]                        # as in supervisor/spec_file.hpp
///
/// Relative paths (`tls`, `shared_folders`, `models`) are from the file's folder. JSON with the same keys
/// will do as well.
///
/// Errors: invalid_config, with the place first, as read_service_specs has it. Beyond what that refuses: an
/// address that is none; `insecure` together with `tls`, or with a `listen` that others can reach; a name
/// that is empty or has control characters; a shared folder that does not exist; limits that would let
/// nothing through; pauses that contradict each other. Whether `tls` and `models` are good is found when they
/// are used.
result<node_file> read_node_file(const std::filesystem::path& file);

} // namespace vef
