// Services that depend on each other, one of them in a process of its own, and what becomes of it when that
// is killed:
//
//   supervise_services photo.jpg
#include <vef/supervisor/runtime.hpp>

#include <csignal>
#include <cstdio>

using namespace std::chrono_literals;

namespace {

void show(vef::runtime& runtime) {
  auto status = vef::or_throw(runtime.status());
  std::printf("the node is %s\n", std::string{to_string(status.health.state)}.c_str());
  for (const auto& s : status.services)
    std::printf("  %-8s %-10s %-10s restarts %llu  %s\n", s.name.c_str(),
                std::string{to_string(s.state)}.c_str(), std::string{to_string(s.health.state)}.c_str(),
                static_cast<unsigned long long>(s.restarts), s.reason.what.c_str());
}

int run(const char* photo) {
  vef::service_spec first{.name = "first", .backend = "descriptors"};
  vef::service_spec second{.name = "second", .backend = "descriptors", .dependencies = {"first"}};
  second.isolation = vef::isolation::process;
  second.restart = {.first_pause = 50ms, .warm = true};

  vef::runtime_options options;
  options.services = {second, first}; // in any order: each starts after what it needs
  vef::runtime runtime{std::move(options)};
  vef::or_throw(runtime.wait_for_services());
  show(runtime);

  vef::embed_request request{.service = "second", .images = {vef::image{photo}}};
  request.replay = vef::replay::when_back; // if the service dies meanwhile, once more
  if (auto rows = runtime.embed(request); !rows.all_ok()) {
    std::fprintf(stderr, "%s\n", describe(rows[0].error()).c_str());
    return 1;
  }
  for (const auto& s : vef::or_throw(runtime.status()).services)
    if (s.pid > 0) ::kill(s.pid, SIGKILL);
  std::puts("its process was killed; the same request again:");
  auto rows = runtime.embed(std::move(request));
  std::printf("  %s\n", rows.all_ok() ? "embedded" : describe(rows[0].error()).c_str());
  show(runtime);
  return rows.all_ok() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  // This program is also what the service runs in that has a process of its own: first of all.
  if (auto over = vef::child_main(vef::builtin_backends())) return *over;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PICTURE\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1]);
  } catch (const vef::failure& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
