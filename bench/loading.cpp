// How long does it take from a folder on the disk to the first vector, and how much memory? Ours from the
// mapped file, LibTorch alone with a TorchScript file of the same weights (load, freeze), and Python's
// from_pretrained: each in a fresh process that has opened its libraries already, with the file in the page
// cache ("warm") and not ("cold").
#include "bench/bare_libtorch.hpp"
#include "bench/bench.hpp"
#include "bench/peer_process.hpp"

#include <vef/backends/torch/library.hpp>
#include <vef/backends/torch/network_model.hpp>
#include <vef/backends/transformers/checkpoint.hpp>
#include <vef/supervisor/runtime.hpp>

#include <cstdio>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace vef::bench {

namespace {

namespace fs = std::filesystem;

struct subject {
  std::string name, folder;
};

const subject subjects[]{{"ViT-B/32", "clip-vit-base-patch32"}, {"ViT-L/14", "clip-vit-large-patch14"}};

/// What a process measures of itself.
struct outcome {
  double first_vector = 0; ///< seconds
  double unload = 0;
  double memory = 0; ///< bytes beyond what the process held before, at the most
};

// getrusage would tell of the parent's memory after a fork.
double status_bytes(const char* field) {
  std::ifstream in{"/proc/self/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field)) return std::strtod(line.c_str() + line.find(':') + 1, nullptr) * 1024;
  return 0;
}

// From here on the most is counted anew.
void reset_peak() { std::ofstream{"/proc/self/clear_refs"} << 5; }

template <class Load> outcome measure(Load&& load) {
  outcome out;
  auto before = status_bytes("VmRSS");
  reset_peak();
  std::shared_ptr<void> model;
  out.first_vector = seconds([&] { model = load(); });
  out.memory = status_bytes("VmHWM") - before;
  out.unload = seconds([&] { model.reset(); });
  return out;
}

std::vector<float> grey(std::size_t numbers) { return std::vector<float>(numbers, 0.1f); }

outcome load_ours(const fs::path& folder, unsigned threads) {
  auto library = or_throw(open_torch_library(torch_library_places()));
  return measure([&]() -> std::shared_ptr<void> {
    auto x = or_throw(open_checkpoint({folder.filename().string(), folder, {}}, builtin_families(), {}));
    network_spec spec{.planned = to_network(x, precision::float32),
                      .width = x.width(),
                      .height = x.height(),
                      .channels_last = true,
                      .dim = static_cast<std::uint32_t>(x.dim),
                      .load = {.threads = threads, .tier = tier::mapped}};
    result<std::unique_ptr<network>> made;
    library.load(spec, made);
    std::shared_ptr<network> net = or_throw(std::move(made));
    std::vector<float> vector(spec.dim);
    std::span<float> row{vector};
    or_throw(net->forward([](std::span<float> to) { std::ranges::fill(to, 0.1f); }, vector_rows{&row, 1},
                          {.threads = threads}));
    return net;
  });
}

outcome load_libtorch(const fs::path& folder, unsigned threads) {
  bare_module::set_threads(threads); // opens what it needs
  return measure([&]() -> std::shared_ptr<void> {
    auto module = std::make_shared<bare_module>((folder / "model.pt").string());
    std::vector<float> vector;
    module->run(grey(3 * 224 * 224), 1, 224, vector);
    return module;
  });
}

// Whether it could: a file that is mapped somewhere stays.
void forget_pages(const fs::path& file) {
  auto descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

void read_through(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::vector<char> piece(1 << 20);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size()))) {
  }
}

outcome in_fresh_process(const std::string& how, const fs::path& folder, unsigned threads) {
  auto command = "/proc/" + std::to_string(::getpid()) + "/exe --load " + how + " '" + folder.string() + "' "
                 + std::to_string(threads);
  auto pipe = ::popen(command.c_str(), "r");
  outcome out;
  auto read = pipe ? std::fscanf(pipe, "%lf %lf %lf", &out.first_vector, &out.unload, &out.memory) : 0;
  if (!pipe || ::pclose(pipe) != 0 || read != 3)
    throw std::runtime_error("cannot measure a load: " + command);
  return out;
}

outcome in_python(const subject& what, unsigned threads) {
  auto x = or_throw(measure_peer_load(what.folder, threads));
  return {x.first_vector_seconds, x.unload_seconds, x.peak_rss_bytes - x.imported_rss_bytes};
}

/// The median of some loads, each after the files were read or forgotten.
struct loads {
  std::vector<double> first_vector, unload, memory;

  void add(const outcome& x) {
    first_vector.push_back(x.first_vector), unload.push_back(x.unload), memory.push_back(x.memory);
  }
};

void measure(const subject& what, const fs::path& folder, const options& x, unsigned threads) {
  auto weights = static_cast<double>(fs::file_size(folder / "model.safetensors"));
  for (bool warm : {true, false}) {
    auto name = what.name + (warm ? ", warm: " : ", cold: ");
    loads ours, libtorch, python;
    auto ready = [&](const char* file) { warm ? read_through(folder / file) : forget_pages(folder / file); };
    for (int i = 0; i < (x.quick ? 1 : 3); ++i) {
      ready("model.safetensors");
      ours.add(in_fresh_process("ours", folder, threads));
      ready("model.pt");
      libtorch.add(in_fresh_process("libtorch", folder, threads));
      ready("model.safetensors");
      python.add(in_python(what, threads));
    }
    auto row = [&](const std::string& figure, double scale, const char* unit,
                   std::vector<double> loads::*part, const loads& peer, const std::string& peer_name,
                   const std::string& target) {
      auto a = median(ours.*part) * scale, b = median(peer.*part) * scale;
      print({name + figure, a, unit, peer_name, b, b / a, target});
    };
    auto target = warm ? ">= 5" : "";
    row("first vector, times faster", 1e3, "ms", &loads::first_vector, libtorch, "LibTorch, load and freeze",
        target);
    row("first vector, times faster", 1e3, "ms", &loads::first_vector, python, "from_pretrained", {});
    row("unload, times faster", 1e3, "ms", &loads::unload, libtorch, "LibTorch", {});
    row("memory at the most, times less", 1e-6, "MB", &loads::memory, libtorch, "LibTorch", {});
    row("memory at the most, times less", 1e-6, "MB", &loads::memory, python, "from_pretrained", {});
    auto most = median(ours.memory);
    print({name + "memory at the most", most * 1e-6, "MB", "the weights", weights * 1e-6, most / weights,
           "<= 1.1"});
  }
}

} // namespace

int measure_load(const std::string& how, const std::string& folder, unsigned threads) {
  auto x = how == "ours" ? load_ours(folder, threads) : load_libtorch(folder, threads);
  std::printf("%.6f %.6f %.0f\n", x.first_vector, x.unload, x.memory);
  return 0;
}

void loading(const options& x) {
  auto threads = x.threads ? x.threads : std::max(1u, std::thread::hardware_concurrency());
  for (const auto& what : subjects) {
    auto folder = peers_folder() / "models" / what.folder;
    if (!fs::exists(folder / "model.safetensors") || !fs::exists(folder / "model.pt")) {
      std::printf("SKIPPED: loading: needs %s: make it with ./dev bench --peers\n", folder.c_str());
      continue;
    }
    measure(what, folder, x, threads);
  }
}

} // namespace vef::bench
