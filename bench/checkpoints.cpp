// How fast is a network, beside the engines that people would use instead? Pictures per second of one batch
// after the other from ready-made pixels: ours in the tier `packed`, OpenVINO and ONNX Runtime on an ONNX
// export of the same weights in processes of their own, and LibTorch alone on a frozen trace. All with the
// same cores, in turn.
#include "bench/bare_libtorch.hpp"
#include "bench/bench.hpp"
#include "bench/peer_process.hpp"

#include <vef/backends/torch/library.hpp>
#include <vef/backends/transformers/checkpoint.hpp>
#include <vef/backends/transformers/precision_book.hpp>
#include <vef/supervisor/runtime.hpp>

#include <cstring>
#include <fstream>
#include <random>
#include <thread>

namespace vef::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t side = 224;

struct subject {
  std::string name;
  std::string folder; ///< of the peers' models
  double seconds;     ///< of float32 work for a picture, about; decides how many batches make a round
  std::string float32_target, bfloat16_target; ///< beside the best peer
};

const subject subjects[]{{"ViT-B/32", "clip-vit-base-patch32", 0.07, ">= 1.1", ">= 1.1"},
                         {"ResNet-50", "resnet-50", 0.06, ">= 1.0", ">= 1.0"},
                         {"MobileNetV2", "mobilenet_v2", 0.008, "", ""}};

/// Pixels as a preparation leaves them, channel first.
std::vector<float> noise(std::size_t pictures) {
  std::mt19937 random{11};
  std::normal_distribution<float> normal;
  std::vector<float> out(pictures * 3 * side * side);
  for (auto& x : out) x = normal(random);
  return out;
}

fs::path write_npy(const std::vector<float>& values, std::size_t pictures) {
  auto file = fs::temp_directory_path() / ("vef-bench-" + std::to_string(pictures) + ".npy");
  auto header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(pictures) + ", 3, 224, 224), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  std::ofstream out{file, std::ios::binary};
  out << "\x93NUMPY\x01" << '\0' << static_cast<char>(header.size() & 255)
      << static_cast<char>(header.size() >> 8) << header;
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return file;
}

/// Our own network.
class ours {
public:
  ours(const fs::path& folder, precision compute, std::vector<float> pixels, std::size_t pictures,
       unsigned threads)
      : pixels_(std::move(pixels))
      , pictures_(pictures)
      , threads_(threads) {
    auto x = or_throw(open_checkpoint({folder.filename().string(), folder, {}}, builtin_families(), {}));
    auto library = or_throw(open_torch_library(torch_library_places()));
    network_spec spec{.planned = to_network(x, compute),
                      .width = x.width(),
                      .height = x.height(),
                      .channels_last = true,
                      .dim = static_cast<std::uint32_t>(x.dim),
                      .load = {.threads = threads, .tier = tier::packed}};
    result<std::unique_ptr<network>> made;
    library.load(spec, made);
    network_ = or_throw(std::move(made));
    vectors_.resize(pictures * static_cast<std::size_t>(x.dim));
    for (std::size_t i = 0; i < pictures; ++i)
      rows_.emplace_back(vectors_.data() + i * static_cast<std::size_t>(x.dim),
                         static_cast<std::size_t>(x.dim));
    turn();
  }

  double images_per_second(std::size_t batches) {
    auto write = [&](std::span<float> to) { std::memcpy(to.data(), pixels_.data(), to.size_bytes()); };
    auto took = seconds([&] {
      for (std::size_t i = 0; i < batches; ++i)
        or_throw(network_->forward(write, rows_, {.threads = threads_}));
    });
    return static_cast<double>(batches * pictures_) / took;
  }

  const std::vector<float>& vectors() const { return vectors_; }

private:
  // The engine takes the channels of a pixel together.
  void turn() {
    auto from = pixels_;
    constexpr std::size_t plane = side * side;
    for (std::size_t n = 0; n < pictures_; ++n)
      for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < plane; ++i)
          pixels_[(n * plane + i) * 3 + c] = from[(n * 3 + c) * plane + i];
  }

  std::vector<float> pixels_;
  std::size_t pictures_;
  unsigned threads_;
  std::unique_ptr<network> network_;
  std::vector<float> vectors_;
  std::vector<std::span<float>> rows_;
};

/// The last `count` numbers of an .npy file: all that it holds.
std::vector<float> read_npy(const fs::path& file, std::size_t count) {
  std::ifstream in{file, std::ios::binary};
  in.seekg(-static_cast<std::streamoff>(count * sizeof(float)), std::ios::end);
  std::vector<float> out(count);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(count * sizeof(float)));
  return out;
}

struct setting {
  const subject& what;
  fs::path folder;
  precision compute;
  std::size_t batch;
  unsigned threads;
  int rounds;
  std::size_t batches; ///< a round

  std::string name() const {
    return what.name + ", batch " + std::to_string(batch) + ", " + std::string{to_string(compute)};
  }
};

void beside_peer(const setting& x, const std::string& engine, const std::string& shown, ours& own,
                 const std::string& target) {
  auto output = fs::temp_directory_path() / "vef-bench-output.npy";
  auto peer = peer_process::start({.engine = engine,
                                   .model = x.folder.string(),
                                   .threads = x.threads,
                                   .precision = std::string{to_string(x.compute)},
                                   .batch = x.batch,
                                   .input = write_npy(noise(x.batch), x.batch),
                                   .output = output});
  if (!peer) {
    std::printf("%s\n", peer.error().what.c_str());
    return;
  }
  auto both = paired::run(
      x.rounds, [&] { return own.images_per_second(x.batches); },
      [&] { return or_throw(peer->images_per_second(x.batches)); });
  auto name = shown + " " + peer->facts().version;
  if (peer->facts().precision != to_string(x.compute)) name += " (" + peer->facts().precision + ")";
  print({x.name(), median(both.a), "images/s", name, median(both.b), median(both.ratios), target});
  if (auto away = cosine_distance(own.vectors(), read_npy(output, own.vectors().size())); away > 1e-3)
    std::printf("  the vectors differ: cosine distance %.1e\n", away);
}

void beside_libtorch(const setting& x, ours& own) {
  auto half = x.compute != precision::float32;
  auto file = x.folder / (half ? "model.bfloat16.pt" : "model.pt");
  if (!fs::exists(file)) return;
  bare_module::set_threads(x.threads);
  bare_module module{file.string()};
  auto pixels = noise(x.batch);
  std::vector<float> vectors;
  auto bare = [&] {
    auto took = seconds([&] {
      for (std::size_t i = 0; i < x.batches; ++i)
        module.run(pixels, static_cast<int>(x.batch), side, vectors);
    });
    return static_cast<double>(x.batches * x.batch) / took;
  };
  auto both = paired::run(
      x.rounds, [&] { return own.images_per_second(x.batches); }, bare);
  print({x.name(), median(both.a), "images/s", "LibTorch, frozen", median(both.b), median(both.ratios), {}});
}

void measure(const setting& x) {
  ours own{x.folder, x.compute, noise(x.batch), x.batch, x.threads};
  auto target = x.compute == precision::float32 ? x.what.float32_target : x.what.bfloat16_target;
  beside_peer(x, "openvino", "OpenVINO", own, target);
  if (x.compute == precision::float32) beside_peer(x, "onnxruntime", "ONNX Runtime", own, target);
  beside_libtorch(x, own);
}

} // namespace

void checkpoints(const options& x) {
  auto threads = x.threads ? x.threads : std::max(1u, std::thread::hardware_concurrency());
  for (const auto& what : subjects) {
    auto folder = peers_folder() / "models" / what.folder;
    if (!fs::exists(folder / "model.safetensors")) {
      std::printf("SKIPPED: checkpoints: needs %s: make it with ./dev bench --peers\n", folder.c_str());
      continue;
    }
    std::vector<precision> computed{precision::float32};
    if (has_fast_bfloat16())
      computed.push_back(precision::bfloat16);
    else
      std::printf("%s in bfloat16: this processor has no fast arithmetic for it, so that is float32\n",
                  what.name.c_str());
    for (auto compute : computed)
      for (std::size_t batch : {1, 8}) {
        auto batches =
            static_cast<std::size_t>((x.quick ? 0.1 : 1.5) / what.seconds / static_cast<double>(batch)) + 1;
        measure({what, folder, compute, batch, threads, x.quick ? 1 : 5, batches});
      }
  }
}

} // namespace vef::bench
