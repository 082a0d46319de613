#include <vef/supervisor/capabilities.hpp>

#include <vef/actors/memory_probe.hpp>
#include <vef/backends/size_text.hpp>
#include <vef/messages/bytes.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace vef {

namespace {

// -- words --------------------------------------------------------------------------------------------------

/// Like vef::quoted without the quotes, for texts of others that stand within a sentence.
std::string escaped(std::string_view text) {
  auto x = vef::quoted(text);
  return x.substr(1, x.size() - 2);
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + vef::quoted(name);
  return text;
}

/// "1.5GiB" in bytes; nothing for what is no amount. A capability is one word: no blanks before the unit.
std::optional<std::uint64_t> bytes_in(std::string_view text) {
  auto bytes = parse_size(text);
  return bytes && text.find(' ') == text.npos ? std::optional{*bytes} : std::nullopt;
}

bool is_index(std::string_view text) {
  auto digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  return digits && !text.empty() && text.size() <= 3 && (text == "0" || text.front() != '0');
}

// -- what is missing ----------------------------------------------------------------------------------------

/// What one check has asked the node so far: the same answer for all that is required.
struct node_findings {
  const capability_sources& sources;
  std::optional<std::vector<std::string>> known_devices = {};
  std::optional<std::uint64_t> known_memory = {};

  const std::vector<std::string>& devices() {
    if (!known_devices) known_devices = sources.devices();
    return *known_devices;
  }
  std::uint64_t memory() {
    if (!known_memory) known_memory = sources.free_memory();
    return *known_memory;
  }
};

// Each of these says what is missing and what to do about it, or nothing where all is well.

std::string lacks_device(const std::string& name, node_findings& node) {
  const auto& devices = node.devices();
  if (std::ranges::find(devices, name) != devices.end()) return {};
  if (devices.empty()) return "there is no accelerator: install one and its driver, or require none";
  return "the accelerators are " + list_of(devices)
         + ": require one of them, or look whether CUDA_VISIBLE_DEVICES hides the one that you mean";
}

std::string lacks_cuda(const std::string& index, node_findings& node) {
  auto is_cuda = [](const std::string& device) { return device.starts_with("cuda:"); };
  if (std::ranges::none_of(node.devices(), is_cuda))
    return "no NVIDIA driver answers with a device: install the driver, or take 'cuda"
           + (index.empty() ? "" : ":" + index) + "' from required_capabilities";
  return index.empty() ? std::string{} : lacks_device("cuda:" + index, node);
}

std::string lacks_library(const std::string& name, node_findings& node) {
  auto opened = node.sources.open_library(name);
  if (opened) return {};
  return escaped(opened.error().what) + ": install it or add its folder to LD_LIBRARY_PATH";
}

std::string lacks_path(const std::string& name, node_findings&) {
  // A slash behind the name of a file would make it "not found".
  auto last = name.find_last_not_of('/');
  auto path = last == std::string::npos ? std::string{"/"} : name.substr(0, last + 1);
  std::error_code problem;
  auto found = std::filesystem::status(path, problem);
  if (found.type() == std::filesystem::file_type::not_found)
    return "there is no such file or folder: create it or mount what it is on";
  if (problem)
    return "it cannot be looked at: " + problem.message()
           + (problem == std::errc::permission_denied ? ": let this user search the folders above it"
                                                      : ": require another path");

  auto folder = std::filesystem::is_directory(found);
  if (!folder && name.ends_with('/'))
    return "it is a file, and the slash at its end demands a folder: name a folder or take the slash away";
  // By the effective user, like an attempt to open it would be.
  if (::faccessat(AT_FDCWD, path.c_str(), folder ? R_OK | X_OK : R_OK, AT_EACCESS) == 0) return {};
  return folder ? "the folder cannot be read and searched: give this user the rights r and x on it"
                : "the file cannot be read: give this user the right r on it";
}

std::string lacks_backend(const std::string& name, node_findings& node) {
  auto backends = node.sources.backends();
  if (std::ranges::find(backends, name) != backends.end()) return {};
  auto near = nearest(name, backends);
  return "no backend type of that name is registered: "
         + (near.empty() ? "register it, or use a build that has it"
                         : "did you mean " + vef::quoted(near) + '?');
}

std::string lacks_memory(const std::string& name, node_findings& node) {
  auto needed = bytes_in(name).value_or(0), free = node.memory();
  if (free >= needed) return {};
  auto amounts = free == 0 ? "no memory is known to be free"
                           : format_bytes(free) + " are free, " + format_bytes(needed - free) + " too few";
  return amounts + ": unload models or end other programs";
}

// -- kinds --------------------------------------------------------------------------------------------------

struct capability_kind {
  std::string_view name;
  std::string_view example;
  std::string (*lacks)(const std::string& name, node_findings& node);
};

constexpr std::array kinds{
    capability_kind{"cuda", "cuda:0", lacks_cuda},
    capability_kind{"device", "device:cuda:0", lacks_device},
    capability_kind{"library", "library:libfoo.so.1", lacks_library},
    capability_kind{"path", "path:/srv/models", lacks_path},
    capability_kind{"backend", "backend:torch", lacks_backend},
    capability_kind{"memory", "memory:2GiB", lacks_memory},
};

struct capability {
  std::string_view kind;
  std::string name; ///< what follows the colon
  bool colon;
};

capability split(std::string_view text) {
  auto colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, colon), std::string{text.substr(colon + 1)}, true};
}

const capability_kind* kind_of(const capability& x) {
  auto found = std::ranges::find(kinds, x.kind, &capability_kind::name);
  return found == kinds.end() ? nullptr : &*found;
}

bool blank_at_an_end(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  return !text.empty()
         && (text.find_first_not_of(blanks) != 0 || text.find_last_not_of(blanks) + 1 != text.size());
}

std::string unknown_kind(std::string_view word) {
  std::vector<std::string> names;
  for (const auto& kind : kinds) names.emplace_back(kind.name);
  auto text = unknown("capability", word, names);
  if (text.ends_with('?')) return text;
  text += ": write for example";
  for (const auto& kind : kinds) text += (&kind == kinds.data() ? " " : ", ") + std::string{kind.example};
  return text;
}

/// Why a word is no capability, or nothing.
std::string fault_of(const std::string& word) {
  if (word.empty()) return "an entry is empty: take it away";
  auto x = split(word);
  if (blank_at_an_end(word) || blank_at_an_end(x.name))
    return vef::quoted(word) + " has blanks at its ends: take them away";
  auto kind = kind_of(x);
  if (!kind) return unknown_kind(x.kind);
  auto instead = ": write for example " + std::string{kind->example};
  // The kernel and the loader would look for what stands before it.
  if (x.name.find('\0') != std::string::npos) return vef::quoted(word) + " holds a zero byte" + instead;
  auto alone = x.kind == "cuda" && !x.colon;
  if (x.name.empty() && !alone) return vef::quoted(word) + " names nothing" + instead;
  if (x.kind == "cuda" && !alone && !is_index(x.name))
    return vef::quoted(word) + " names no CUDA device" + instead;
  if (x.kind == "memory" && !bytes_in(x.name)) return vef::quoted(word) + " is no amount of memory" + instead;
  return {};
}

void add_sentence(std::string& text, const std::string& sentence) {
  text += (text.empty() ? "" : "; ") + sentence;
}

// -- this machine -------------------------------------------------------------------------------------------

result<void> open_with_loader(const std::string& library) {
  auto opened = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!opened) {
    auto why = ::dlerror();
    return fail(errc::missing_capability, why ? why : library + ": no reason given");
  }
  ::dlclose(opened);
  return {};
}

/// https://docs.nvidia.com/cuda/cuda-driver-api/: cuInit and cuDeviceGetCount answer 0 for success.
std::vector<std::string> cuda_devices() {
  // Stays open: a driver that was started cannot be unloaded safely.
  auto driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return {};
  auto start = reinterpret_cast<int (*)(unsigned)>(::dlsym(driver, "cuInit"));
  auto count_into = reinterpret_cast<int (*)(int*)>(::dlsym(driver, "cuDeviceGetCount"));
  int count = 0;
  if (!start || !count_into || start(0) != 0 || count_into(&count) != 0) return {};
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back("cuda:" + std::to_string(i));
  return names;
}

} // namespace

capability_sources machine_capabilities(std::shared_ptr<const backend_types> types) {
  capability_sources x;
  x.open_library = open_with_loader;
  x.devices = cuda_devices;
  x.free_memory = [] {
    auto host = memory_probe{}.read();
    return host ? host->available : 0;
  };
  x.backends = [types = std::move(types)] {
    std::vector<std::string> names;
    if (types)
      for (const auto& type : types->list()) names.push_back(type.name);
    return names;
  };
  return x;
}

result<void> check_capabilities(const std::vector<std::string>& required, const capability_sources& sources) {
  if (auto valid = validate_capabilities(required); !valid) return valid;
  node_findings node{sources};
  std::string missing;
  for (const auto& word : required) {
    auto x = split(word);
    auto why = kind_of(x)->lacks(x.name, node);
    if (!why.empty()) add_sentence(missing, "it requires " + vef::quoted(word) + ": " + why);
  }
  if (!missing.empty()) return fail(errc::missing_capability, missing);
  return {};
}

result<void> validate_capabilities(const std::vector<std::string>& required) {
  std::set<std::string_view> seen, told;
  std::string faults;
  for (const auto& word : required) {
    auto fault = fault_of(word);
    if (fault.empty() && !seen.insert(word).second && told.insert(word).second)
      fault = vef::quoted(word) + " stands twice: take one away";
    if (!fault.empty()) add_sentence(faults, fault);
  }
  if (!faults.empty()) return fail(errc::invalid_config, "required_capabilities: " + faults);
  return {};
}

} // namespace vef
