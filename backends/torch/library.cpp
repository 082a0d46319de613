#include <vef/backends/torch/library.hpp>

#include <dlfcn.h>

#include <cstdlib>

namespace vef {

namespace fs = std::filesystem;

std::vector<fs::path> torch_library_places() {
  constexpr const char* name = "libvef_torch.so";
  if (auto named = std::getenv("VEF_TORCH_LIBRARY"); named && *named) return {named};
  std::vector<fs::path> out;
  std::error_code error;
  if (auto program = fs::read_symlink("/proc/self/exe", error); !error) {
    auto folder = program.parent_path();
    out = {folder / name, folder.parent_path() / "lib" / "vef" / name, folder.parent_path() / "lib" / name};
  }
  out.emplace_back(fs::path{VEF_TORCH_LIBRARY_DIR} / name);
  return out;
}

result<torch_library> open_torch_library(const std::vector<fs::path>& places) {
  std::string looked;
  for (const auto& file : places) {
    std::error_code error;
    looked += (looked.empty() ? "" : ", ") + vef::quoted(file.string());
    if (!fs::exists(file, error)) continue;
    auto library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      auto why = dlerror();
      return fail(errc::load_failed, "cannot open LibTorch: " + std::string{why ? why : "no reason given"});
    }
    auto load = dlsym(library, load_network_symbol), read = dlsym(library, read_device_symbol);
    if (!load || !read)
      return fail(errc::load_failed, vef::quoted(file.string()) + " belongs to another version of vef");
    return torch_library{reinterpret_cast<load_network*>(load), reinterpret_cast<read_device*>(read)};
  }
  return fail(errc::load_failed, "cannot find the library that links LibTorch; looked for " + looked);
}

} // namespace vef
