#pragma once

#include "support/fake_backend.hpp"

#include <vef/backends/types.hpp>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace vef::test {

/// What the red of a picture has the backend do, in native code that nobody can stop.
enum class trouble : std::uint8_t { none = 1, segfault = 2, abort = 3, hang = 4, leak = 5, exit = 6 };

class faulty_model final : public loaded_model {
public:
  result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
    for (std::size_t i = 0; i < images.size(); ++i) {
      act(static_cast<trouble>(images[i].rgb[0]));
      for (std::size_t c = 0; c < 3; ++c) rows[i][c] = images[i].rgb[c];
    }
    return {};
  }
  std::uint64_t memory_bytes() const override { return 1000; }

private:
  static void act(trouble x) {
    switch (x) {
    case trouble::segfault: ::raise(SIGSEGV); break;
    case trouble::abort: std::abort();
    case trouble::hang:
      for (;;) ::pause();
    case trouble::leak: {
      static std::vector<std::unique_ptr<char[]>> kept; // as a cache that nobody empties
      kept.push_back(std::make_unique<char[]>(1 << 20));
      std::memset(kept.back().get(), 1, 1 << 20);
      break;
    }
    case trouble::exit: std::_Exit(7);
    case trouble::none: break;
    }
  }
};

class faulty_backend final : public backend {
public:
  explicit faulty_backend(const backend_settings& settings) {
    auto it = settings.find("refuse");
    if (it != settings.end()) throw std::runtime_error(it->second);
    if (settings.contains("die")) ::raise(SIGKILL);
  }
  std::vector<model_info> catalog() const override { return {fake_model("a"), fake_model("b")}; }
  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    return std::make_unique<faulty_model>();
  }
};

inline std::shared_ptr<backend_types> faulty_types() {
  auto types = std::make_shared<backend_types>();
  (void)types->add<faulty_backend>("faulty", {.description = "for tests"});
  return types;
}

inline image that(trouble x) { return plain(static_cast<std::uint8_t>(x), 7, 9); }

} // namespace vef::test
