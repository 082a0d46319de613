#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/program.hpp>

#include <ATen/Tensor.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <thread>

namespace vef {

namespace {

using loader = torch::inductor::AOTIModelPackageLoader;
using metadata = std::unordered_map<std::string, std::string>;

std::string value(const metadata& x, const std::string& key) {
  auto found = x.find(key);
  return found == x.end() ? std::string{} : found->second;
}

[[noreturn]] void refuse(const std::string& what) { throw refusal{{errc::load_failed, what}}; }

// `instructions` are words such as "AVX512 AVX512_VNNI"; the first that this processor lacks, or nothing.
std::string missing_instructions(const std::string& instructions) {
  std::istringstream words{instructions};
  for (std::string word; words >> word;) {
#if defined(__x86_64__)
    auto missing =
        (word == "AVX2" && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        || (word == "AVX512" && !(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")))
        || (word == "AVX512_VNNI" && !__builtin_cpu_supports("avx512vnni"))
        || (word == "AVX512_BF16" && !__builtin_cpu_supports("avx512bf16"));
    if (missing) return word;
#endif
  }
  return {};
}

// Packages ask the loader for libtorch.so: umbrella.cpp says why they get ours.
void open_umbrella() {
  if (dlopen("libtorch.so", RTLD_NOW | RTLD_NOLOAD)) return;
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&open_umbrella), &here) == 0 || !here.dli_fname) return;
  auto ours = std::filesystem::path{here.dli_fname}.parent_path() / "libvef_torch_umbrella.so";
  if (dlopen(ours.c_str(), RTLD_NOW | RTLD_LOCAL)) return;
  auto why = dlerror();
  refuse("cannot open " + ours.string() + ": " + (why ? why : "no reason given"));
}

// A package holds a library for one kind of machine. Opened on another it would end the process, so its label
// is read first.
void check_machine(const metadata& x, const at::Device& device) {
#if defined(__x86_64__)
  constexpr const char* machine = "x86_64";
#elif defined(__aarch64__)
  constexpr const char* machine = "aarch64";
#else
  constexpr const char* machine = "";
#endif
  auto built_for = value(x, "AOTI_MACHINE");
  if (!built_for.empty() && built_for != machine)
    refuse("the package was made for " + built_for + " machines, and this one is " + machine);
  auto platform = value(x, "AOTI_PLATFORM");
  if (!platform.empty() && platform != "linux")
    refuse("the package was made for " + platform + ", and this is linux");
  auto kind = value(x, "AOTI_DEVICE_KEY");
  if (!kind.empty() && kind != (device.is_cpu() ? "cpu" : "cuda"))
    refuse("the package was made for the device '" + kind + "', and is asked to run on '" + device.str()
           + "': set 'device' in its description");
  auto instructions = value(x, "AOTI_CPU_ISA");
  if (auto missing = missing_instructions(instructions); !missing.empty())
    refuse("the package was made for processors with " + instructions + ", and this one lacks " + missing
           + ": export it on this machine, or for fewer instructions");
}

class package final : public program {
public:
  explicit package(const network_spec& spec)
      : spec_(spec)
      , device_(torch_device(spec.device))
      , runners_(std::clamp(std::thread::hardware_concurrency(), 1u, 16u)) {
    check_machine(loader::load_metadata_from_package(spec.file, "model"), device_);
    open_umbrella();
    library_ = std::filesystem::file_size(spec.file);
    device_use use{device_};
    loader_ = std::make_unique<loader>(spec.file, "model", false, runners_, device_.index());
    for (const auto& [name, x] : loader_->get_runner()->extract_constants_map(false))
      constants_ += x.nbytes();
    if (spec.emulated && !spec.emulated->take(constants_))
      throw refusal{{errc::out_of_memory, "the device has no room for its weights"}};
  }

  ~package() override {
    loader_.reset();
    if (spec_.emulated) spec_.emulated->give_back(constants_);
  }

  at::Tensor run(const at::Tensor& batch) override {
    auto outputs = loader_->run({batch.to(device_)});
    auto refuse_output = [](const std::string& what) {
      throw refusal{{errc::embed_failed, "the package gives " + what}};
    };
    if (!spec_.output_key.empty())
      refuse_output("its tensors without keys: choose one with output.index instead of output.key");
    if (!spec_.output_index && outputs.size() != 1)
      refuse_output(std::to_string(outputs.size()) + " tensors: choose one with output.index");
    auto chosen = spec_.output_index.value_or(0);
    if (chosen >= outputs.size())
      refuse_output(std::to_string(outputs.size()) + " tensors, so there is none with output.index "
                    + std::to_string(chosen));
    return outputs[chosen];
  }

  vef::tier tier() const override { return spec_.device == "host" ? tier::host : tier::device; }

  void move_to(vef::tier to) override {
    if (to != tier()) throw refusal{{errc::invalid_argument, "a package has only one tier"}};
  }

  // The compiled library holds the weights once more, in host memory.
  std::vector<device_bytes> weights() const override {
    if (spec_.device == "host") return {{"host", constants_ + library_}};
    return {{"host", library_}, {spec_.device, constants_}};
  }

  // Each pass takes one of the package's runners, which share the weights. How many threads a pass uses was
  // decided when the package was made.
  unsigned concurrency() const override { return runners_; }

private:
  network_spec spec_;
  at::Device device_;
  unsigned runners_;
  std::unique_ptr<loader> loader_;
  std::uint64_t library_ = 0;
  std::uint64_t constants_ = 0;
};

} // namespace

std::unique_ptr<program> load_package(const network_spec& spec) { return std::make_unique<package>(spec); }

} // namespace vef
