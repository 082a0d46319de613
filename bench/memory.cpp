// What does memory cost in time? How soon bytes are back after the kernel says that memory is short; how long
// each real model takes to come back, beside LibTorch alone; and how much a model that is in use suffers
// while another is loaded.
#include "bench/bare_libtorch.hpp"
#include "bench/bench.hpp"

#include <vef/actors/memory.hpp>
#include <vef/messages/interfaces.hpp>
#include <vef/supervisor/instance.hpp>
#include <vef/supervisor/runtime.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace vef::bench {

namespace {

namespace fs = std::filesystem;

fs::path shared() { return std::getenv("VEF_SHARED") ? std::getenv("VEF_SHARED") : VEF_SHARED_DIR; }

fs::path file_of(const std::string& name) { return shared() / "data/models" / name / (name + ".pt"); }

std::vector<image> photos(std::size_t n) {
  std::vector<image> out;
  for (const auto& entry : fs::directory_iterator{shared() / "data/images/photos"}) {
    if (out.size() == n) break;
    out.emplace_back(entry.path().string());
  }
  return out;
}

runtime_options quiet() {
  runtime_options x;
  x.monitor.interval = {};
  return x;
}

double percentile(std::vector<double> xs, double share) {
  std::ranges::sort(xs);
  return xs[std::min(xs.size() - 1, static_cast<std::size_t>(share * static_cast<double>(xs.size())))];
}

// -- from the message to the bytes --------------------------------------------------------------------------

/// Milliseconds from a reading that says that memory is full until nineteen twentieths of what the model
/// added are back.
double pressure_to_bytes(const std::string& description, const std::vector<image>& pictures) {
  caf::actor_system_config config;
  add_message_types(config);
  caf::actor_system system{config};
  instance_options options{.types = builtin_backends(), .services = {{.name = "torch"}}};
  options.services[0].settings = {{"models", description}};
  options.monitor.interval = {};
  auto node = or_throw(spawn(system, options));
  caf::scoped_actor self{system};
  auto embed = [&] {
    for (int tries = 0; tries < 200; ++tries) { // until the service is there
      auto done = false;
      self->request(node.registry, std::chrono::seconds{60}, embed_atom_v, embed_request{.images = pictures})
          .receive([&](embed_reply&) { done = true; }, [](caf::error&) {});
      if (done) return;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  };
  auto unload = [&] {
    self->request(node.governor, std::chrono::seconds{60}, unload_atom_v, unload_request{})
        .receive([](std::vector<unload_report>&) {}, [](caf::error&) {});
  };
  embed(); // LibTorch itself
  unload();
  auto before = resident_bytes();
  embed();
  auto added = resident_bytes() - std::min(before, resident_bytes());
  auto start = std::chrono::steady_clock::now();
  auto took = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  caf::anon_send(node.governor, pressure_atom_v, std::vector<device_reading>{{"host", 1 << 30, 0, 0, 0}});
  while (took() < 5 && resident_bytes() > before + added / 20) std::this_thread::yield();
  auto out = took() * 1000;
  self->request(node.supervisor, std::chrono::seconds{60}, shutdown_atom_v, std::chrono::milliseconds{5000})
      .receive([] {}, [](caf::error&) {});
  return out;
}

// -- coming back --------------------------------------------------------------------------------------------

double load_time(const service& target) {
  auto took = seconds([&] { or_throw(target.load()); });
  or_throw(target.unload());
  return took * 1000;
}

double bare_load_time(const std::string& file) {
  return seconds([&] { bare_module module{file}; }) * 1000;
}

// -- beside a load ------------------------------------------------------------------------------------------

std::vector<double> latencies(const service& target, const image& picture, int n) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) {
    auto took = seconds([&] {
      if (auto done = target.embed({picture}); !done.all_ok()) throw failure{done[0].error()};
    });
    out.push_back(took * 1000);
  }
  return out;
}

void beside_loads(const options& x) {
  runtime vef{quiet()};
  auto used =
      or_throw(vef.create({.name = "used",
                           .backend = "torch",
                           .settings = {{"models", file_of("mobilenet_v2_embed").string() + ".toml"}}}));
  auto other = or_throw(vef.create({.name = "other",
                                    .backend = "torch",
                                    .settings = {{"models", file_of("squeezenet1_0").string() + ".toml"}}}));
  auto picture = photos(1).at(0);
  auto n = x.quick ? 5 : 150;
  latencies(used, picture, 5);
  std::vector<double> alone, beside, ratios;
  for (int round = 0; round < (x.quick ? 1 : 3); ++round) {
    alone.push_back(percentile(latencies(used, picture, n), 0.99));
    std::atomic<bool> stop = false;
    std::thread loader{[&] {
      while (!stop) load_time(other);
    }};
    beside.push_back(percentile(latencies(used, picture, n), 0.99));
    stop = true;
    loader.join();
    ratios.push_back(beside.back() / alone.back());
  }
  print({"p99 of a loaded model while another one loads", median(beside), "ms", "p99 alone", median(alone),
         median(ratios), "< 3"});
}

} // namespace

void memory(const options& x) {
  for (auto name : {"mobilenet_v2_embed", "squeezenet1_0", "mobilenet_v1_025_224"}) {
    auto file = file_of(name);
    if (!fs::exists(file) || !fs::exists(shared() / "data/images/photos")) {
      std::printf("SKIPPED: memory: needs %s\n", file.c_str());
      return;
    }
    auto description = file.string() + ".toml";
    std::vector<double> freed;
    for (int i = 0; i < (x.quick ? 1 : 5); ++i) freed.push_back(pressure_to_bytes(description, photos(8)));
    print({std::string{name} + ", from pressure to freed bytes", median(freed), "ms", "", 0, 0, "< 1000"});
    runtime vef{quiet()};
    auto target = or_throw(vef.create({.name = "torch", .settings = {{"models", description}}}));
    auto both = paired::run(
        x.quick ? 1 : 7, [&] { return load_time(target); }, [&] { return bare_load_time(file.string()); });
    print({std::string{name} + ", reload", median(both.a), "ms", "bare LibTorch, load and freeze",
           median(both.b), median(both.ratios)});
  }
  beside_loads(x);
}

} // namespace vef::bench
