// What share of the machine's speed reaches the user? Images per second of the whole path (facade, actors,
// preparation, batching, lanes) beside a loop around the same frozen module in one thread of the caller, both
// with the same cores.
//
// "decoded": pictures as pixels, a little larger than the input, which the path crops and normalises; the
// loop gets them ready made.
//
// "JPEG files": the loop decodes, resizes, crops and normalises them itself before each batch.
#include "bench/bare_libtorch.hpp"
#include "bench/bench.hpp"

#include <vef/backends/image/prepare.hpp>
#include <vef/supervisor/runtime.hpp>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <thread>

namespace vef::bench {

namespace {

constexpr std::size_t batch = 8;

struct subject {
  std::filesystem::path photos;
  std::string file;        // TorchScript
  std::string description; // beside it
};

/// Images per second of requests of one batch each, a few under way.
double path(const service& target, const std::vector<image>& images, std::size_t requests) {
  auto took = seconds([&] {
    std::deque<std::future<embeddings>> open;
    auto finish = [&] {
      if (auto done = open.front().get(); !done.all_ok()) throw failure{done[0].error()};
      open.pop_front();
    };
    for (std::size_t i = 0; i < requests; ++i) {
      if (open.size() == 4) finish();
      std::vector<image> part;
      for (std::size_t k = 0; k < batch; ++k) part.push_back(images[(i * batch + k) % images.size()]);
      open.push_back(target.embed_async(std::move(part)));
    }
    while (!open.empty()) finish();
  });
  return static_cast<double>(requests * batch) / took;
}

std::vector<float> normalized(const std::vector<pixels>& part, const preparation& how) {
  std::vector<float> out(part.size() * 3 * part[0].width * part[0].height);
  normalize_into(part, how, tensor_layout::nchw, out);
  return out;
}

double bare_decoded(bare_module& module, const std::vector<image>& images, const preparation& how,
                    std::size_t batches) {
  std::vector<pixels> part;
  for (std::size_t k = 0; k < batch; ++k) part.push_back(or_throw(prepare(images[k], how)));
  auto input = normalized(part, how);
  std::vector<float> vectors;
  auto took = seconds([&] {
    for (std::size_t i = 0; i < batches; ++i)
      module.run(input, batch, static_cast<int>(part[0].width), vectors);
  });
  return static_cast<double>(batches * batch) / took;
}

double bare_files(bare_module& module, const std::vector<image>& images, const preparation& how,
                  std::size_t batches) {
  std::vector<float> vectors;
  auto took = seconds([&] {
    for (std::size_t i = 0; i < batches; ++i) {
      std::vector<pixels> part;
      for (std::size_t k = 0; k < batch; ++k)
        part.push_back(or_throw(prepare(images[(i * batch + k) % images.size()], how)));
      module.run(normalized(part, how), batch, static_cast<int>(part[0].width), vectors);
    }
  });
  return static_cast<double>(batches * batch) / took;
}

/// The photographs scaled to the shorter side that the model's preparation scales to, so that only the crop
/// is left.
std::vector<image> decoded(const std::vector<image>& files, preparation how) {
  how.crop_width = how.crop_height = 0;
  std::vector<image> out;
  for (const auto& file : files) {
    auto x = or_throw(prepare(file, how));
    out.push_back(image::rgb(shared_bytes{std::move(x.rgb)}, x.width, x.height, file.name));
  }
  return out;
}

void measure(const subject& what, const options& x, unsigned threads, worker_counts work,
             const std::string& label) {
  runtime_options settings;
  settings.work = work;
  runtime runtime{settings};
  auto target = or_throw(runtime.create({.name = "torch", .settings = {{"models", what.description}}}));
  or_throw(target.load());
  auto model = or_throw(target.models()).at(0).model;

  bare_module::set_threads(threads);
  bare_module module{what.file};
  std::vector<image> files;
  for (const auto& entry : std::filesystem::directory_iterator{what.photos})
    files.emplace_back(entry.path().string());
  files.resize(std::min<std::size_t>(files.size(), 64));
  auto ready = decoded(files, model.prepare);

  auto rounds = x.quick ? 1 : 5;
  std::size_t batches = x.quick ? 2 : 12;
  auto threads_word = std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  auto from_pixels = paired::run(
      rounds, [&] { return path(target, ready, batches); },
      [&] { return bare_decoded(module, ready, model.prepare, batches); });
  print({model.id + ", decoded, " + label, median(from_pixels.a), "images/s", "bare loop, " + threads_word,
         median(from_pixels.b), median(from_pixels.ratios), ">= 0.97"});
  auto from_files = paired::run(
      rounds, [&] { return path(target, files, batches); },
      [&] { return bare_files(module, files, model.prepare, batches); });
  print({model.id + ", JPEG files, " + label, median(from_files.a), "images/s", "bare loop that decodes",
         median(from_files.b), median(from_files.ratios)});
}

} // namespace

void whole_path(const options& x) {
  std::filesystem::path shared = std::getenv("VEF_SHARED") ? std::getenv("VEF_SHARED") : VEF_SHARED_DIR;
  auto photos = shared / "data/images/photos";
  auto threads = x.threads ? x.threads : std::max(1u, std::thread::hardware_concurrency());
  for (auto name : {"mobilenet_v2_embed", "squeezenet1_0"}) {
    auto file = shared / "data/models" / name / (std::string{name} + ".pt");
    if (!std::filesystem::exists(file) || !std::filesystem::exists(photos)) {
      std::printf("SKIPPED: whole_path: needs %s and %s\n", file.c_str(), photos.c_str());
      continue;
    }
    subject what{photos, file.string(), file.string() + ".toml"};
    measure(what, x, threads, {.cores = threads}, "a lane per core");
    measure(what, x, threads, {.cores = threads, .lanes = 1}, "one lane");
  }
}

} // namespace vef::bench
