// What does a request cost beyond its work? A model that does nothing, over a decoded picture that needs no
// resizing: by direct calls in the caller's thread, and through the actors.
#include "bench/bench.hpp"

#include <vef/backends/image/prepare.hpp>
#include <vef/supervisor/runtime.hpp>

#include <deque>

namespace vef::bench {

namespace {

class nothing final : public loaded_model {
public:
  result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
    for (std::size_t i = 0; i < images.size(); ++i) rows[i][0] = images[i].rgb[0];
    return {};
  }
  std::uint64_t memory_bytes() const override { return 1; }
  unsigned concurrency() const override { return 64; }
};

model_info nothing_info() {
  model_info x{.id = "nothing", .name = "Nothing"};
  x.embed_dim = 512;
  x.prepare.width = x.prepare.height = 8;
  return x;
}

class nothing_backend final : public backend {
public:
  std::vector<model_info> catalog() const override { return {nothing_info()}; }
  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    return std::make_unique<nothing>();
  }
};

image picture() { return image::rgb(shared_bytes{std::vector<std::uint8_t>(8 * 8 * 3, 7)}, 8, 8, "picture"); }

double direct_calls(int n) {
  nothing model;
  auto info = nothing_info();
  auto x = picture();
  std::vector<float> vector(info.embed_dim);
  std::span<float> row{vector};
  return seconds([&] {
           for (int i = 0; i < n; ++i) {
             auto pixels = or_throw(prepare(x, info.prepare));
             or_throw(model.embed({&pixels, 1}, {&row, 1}, {}));
           }
         })
         / n * 1e6;
}

/// Microseconds per request with so many under way.
double through_actors(const service& target, int n, std::size_t under_way) {
  auto x = picture();
  return seconds([&] {
           std::deque<std::future<embeddings>> open;
           for (int i = 0; i < n; ++i) {
             if (open.size() == under_way) {
               open.front().get();
               open.pop_front();
             }
             open.push_back(target.embed_async({x}));
           }
           for (auto& future : open) future.get();
         })
         / n * 1e6;
}

double one_after_the_other(const service& target, int n) {
  auto x = picture();
  return seconds([&] {
           for (int i = 0; i < n; ++i) target.embed({x});
         })
         / n * 1e6;
}

} // namespace

void request_overhead(const options& x) {
  runtime_options settings;
  settings.work.cores = x.threads;
  runtime runtime{settings};
  or_throw(runtime.register_backend<nothing_backend>("nothing", {}));
  auto target = or_throw(runtime.create("nothing"));
  or_throw(target.load());

  auto n = x.quick ? 200 : 5000;
  auto rounds = x.quick ? 1 : 7;
  through_actors(target, n, 1); // warm
  std::vector<double> direct, alone, together;
  for (int i = 0; i < rounds; ++i) {
    direct.push_back(direct_calls(n));
    alone.push_back(one_after_the_other(target, n));
    together.push_back(through_actors(target, n, 16));
  }
  print({"direct call of prepare and embed", median(direct), "us"});
  print({"overhead of the actors; one request at a time", median(alone) - median(direct), "us", "", 0, 0,
         "< 60 us"});
  print(
      {"overhead of the actors; 16 under way", median(together) - median(direct), "us", "", 0, 0, "< 60 us"});
}

} // namespace vef::bench
