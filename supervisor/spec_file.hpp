#pragma once

#include <vef/messages/service.hpp>

#include <filesystem>
#include <vector>

namespace vef {

class table_reader;

/// Services as a file describes them, in its order.
///
///     [[service]]
///     name = "clip"                         # the one key that must be there
///     backend = "torch"                     # if it is not the name
///     dependencies = ["descriptors"]
///     required_capabilities = ["cuda", "path:/srv/models"]
///     startup_priority = 5
///     health_check_interval = "60s"         # 0: no checks
///     auto_start = true
///     max_loaded_models = 2
///     isolation = "process"                 # or "none"
///     settings = { models = "/srv/models" } # texts, numbers, true and false; all become texts
///     idle = { device = "600s", host = "30min" }
///     health = { deadline = "5s", misses = 3, stuck_after = "2min", canary = true }
///     restart = { first_pause = "200ms", longest_pause = "30s", most = 5, window = "5min",
///                 with_dependencies = false, warm = true }  # one line in TOML
///
/// A time is a text with ms, s, min or h, or a number of seconds. What is left out is as in `service_spec`;
/// paths in settings stay as they are written. JSON with the same keys will do as well: {"service": [...]}.
///
/// Errors: invalid_config. It begins with FILE:LINE:COLUMN, or with FILE alone where JSON does not say where,
/// and tells what is wrong there: the syntax, an unknown key (with the nearest), a wrong type, a time that is
/// none, a name that is taken, a dependency that is not in the file (with the nearest), a circle of
/// dependencies, a capability that is none, rules that contradict themselves. It is what a person meets first
/// from the top, except that names and dependencies are compared once all services have been read.
///
/// A node's file (nodes/node_file.hpp) will do as well: what it says of the node and of placement, its [node]
/// and [[placement]], is passed over and not judged.
result<std::vector<service_spec>> read_service_specs(const std::filesystem::path& file);

/// The [[service]] tables of a file that says more than that. `in` is its outermost table and keeps the
/// errors, as above; what is given back is of use only if there are none.
std::vector<service_spec> read_services(table_reader& in);

} // namespace vef
