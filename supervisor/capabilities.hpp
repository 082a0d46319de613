#pragma once

#include <vef/backends/types.hpp>
#include <vef/messages/service.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vef {

// What a service may require before it starts, in service_spec::required_capabilities:
//
//   cuda                    any CUDA device
//   cuda:1                  that CUDA device
//   device:NAME             an accelerator of that name, for example cuda:0
//   library:libfoo.so.1     a library that the loader finds and can open, with all that it needs itself
//   path:/srv/models        a file or folder that can be read; a slash at its end demands a folder
//   backend:torch           a registered backend type
//   memory:2GiB             so much host memory that is free now: "512MB" (powers of 1000), "1.5GiB" (of
//   1024)

/// What a node can say of itself when a service requires something. Members are functions so that tests and
/// other platforms bring their own; by default the node has nothing. They may block.
struct capability_sources {
  /// Opens a library, and closes it again. The error's text is the loader's.
  std::function<result<void>(const std::string& library)> open_library = [](const std::string& library) {
    return result<void>{fail(errc::missing_capability, library + ": no libraries can be opened here")};
  };

  /// The accelerators that are there, by the names that tiers have for them: "cuda:0".
  std::function<std::vector<std::string>()> devices = [] { return std::vector<std::string>{}; };

  /// Bytes of host memory that could be had now; 0 also if nothing says how many.
  std::function<std::uint64_t()> free_memory = [] { return std::uint64_t{0}; };

  /// The registered backend types.
  std::function<std::vector<std::string>()> backends = [] { return std::vector<std::string>{}; };
};

/// Those of this process: the dynamic loader; the devices that the NVIDIA driver shows it, none without a
/// driver; the memory that the kernel's files and the control groups' limits leave (memory_probe); and the
/// names in `types`.
///
/// To open a library runs its initialisers, which is to run its code. Who asks for the devices starts the
/// driver for good: a fork of this process without an exec cannot use CUDA afterwards.
capability_sources machine_capabilities(std::shared_ptr<const backend_types> types);

/// Whether all that is required is there. May block, since it opens libraries and touches files: never on a
/// scheduler thread. What is not required is not asked for. Errors: invalid_config as below, and then nothing
/// was tried; missing_capability with a sentence for each that is missing, joined by "; ", which says why and
/// what to do about it.
result<void> check_capabilities(const std::vector<std::string>& required, const capability_sources& sources);

/// Only whether the words mean something; neither blocks nor looks. Errors: invalid_config with a sentence
/// for each that is no capability, names nothing, has blanks at its ends or stands twice.
result<void> validate_capabilities(const std::vector<std::string>& required);

} // namespace vef
