#include <vef/actors/model_jobs.hpp>

#include <vef/actors/bytes_on.hpp>
#include <vef/actors/memory.hpp>
#include <vef/backends/guard.hpp>
#include <vef/backends/image/prepare.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace {

/// The time that a call takes.
template <class F> std::chrono::microseconds timed(F&& call) {
  auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
}

} // namespace

void prepare_job::run() {
  took = timed([this] {
    picture = guarded(errc::internal, "cannot prepare " + quoted(task.source.name),
                      [this] { return prepare(task.source, task.how, limits); });
  });
  task.source.bytes = {}; // the encoded bytes are of no use any more, and a queue of them would be memory
}

void embed_job::run(unsigned threads) {
  outcomes.resize(batch.where.size());
  if (!first || prepare_first()) took = timed([&] { run_part(0, batch.images.size(), threads); });
  batch.images.clear();
  model.reset();
}

bool embed_job::prepare_first() {
  first->run();
  if (first->picture)
    batch.images.push_back(std::move(*first->picture));
  else
    outcomes[0] = first->picture.error();
  return first->picture.has_value();
}

result<void> embed_job::pass(std::size_t from, std::size_t count, unsigned threads) {
  auto images = std::span<const pixels>{batch.images}.subspan(from, count);
  auto rows = vector_rows{batch.rows}.subspan(from, count);
  std::uint64_t held = 0;
  auto done = guarded(errc::embed_failed, "the forward pass failed", [&] {
    return model->embed(images, rows, embed_context{threads, &held});
  });
  if (done && held > 0) working.push_back({static_cast<std::uint32_t>(count), held});
  if (!done && done.error().code == errc::out_of_memory) {
    ran_out.push_back(count);
    // What is kept for later passes may be what this one lacks.
    model->limit_working(0);
    trim_heap();
  }
  return done;
}

void embed_job::run_part(std::size_t from, std::size_t count, unsigned threads) {
  auto done = pass(from, count, threads);
  if (!done && count > 1) {
    run_part(from, count / 2, threads);
    run_part(from + count / 2, count - count / 2, threads);
    return;
  }
  if (!done && done.error().code == errc::out_of_memory) done = pass(from, count, threads);
  if (!done) {
    outcomes[from] = done.error();
    return;
  }
  auto rows = vector_rows{batch.rows}.subspan(from, count);
  for (std::size_t i = 0; i < count; ++i)
    if (!std::ranges::all_of(rows[i], [](float x) { return std::isfinite(x); }))
      outcomes[from + i] = {errc::embed_failed, "the model gave a vector with numbers that are not finite"};
}

// -- loading and leaving ------------------------------------------------------------------------------------

void load_job::run(unsigned threads) {
  took = timed([&] {
    model = guarded(errc::load_failed, "cannot load model " + quoted(info.id),
                    [&]() -> result<std::unique_ptr<loaded_model>> {
                      auto loaded = source->load(info, load_context{threads, to});
                      if (loaded && !*loaded) return fail(errc::load_failed, "the backend returned no model");
                      if (loaded) memory = (*loaded)->memory();
                      return loaded;
                    });
  });
  trim_heap(); // a load leaves holes, and what it read from would stay in them
  source.reset();
}

std::shared_ptr<loaded_model> load_job::share() {
  return {model->release(), [words = std::move(words)](loaded_model* x) { delete x; }};
}

namespace {

// What it was, less what is left of it, by device.
std::vector<device_bytes> difference(const model_memory& before, const model_memory& after) {
  auto out = sum_of(before);
  auto left = sum_of(after);
  for (auto& x : out) x.bytes -= std::min(x.bytes, bytes_on(left, x.device));
  return out;
}

// A driver that can't be asked costs a figure in a report, nothing else.
std::vector<device_reading> devices_of(backend* source) {
  if (!source) return {};
  auto readings = guarded(errc::internal, "cannot read the memory of devices",
                          [&]() -> result<std::vector<device_reading>> { return source->devices(); });
  return readings ? std::move(*readings) : std::vector<device_reading>{};
}

} // namespace

void move_job::run(unsigned threads) {
  auto before = model->memory();
  memory_meter meter{devices_of(source.get())};
  took = timed([&] {
    if (to == tier::absent) {
      model.reset();
    } else {
      if (!aside) model->limit_working(0);
      outcome = guarded(errc::load_failed, "cannot move the model to tier " + quoted(to_string(to)), [&] {
        return model->move_to(load_context{threads, to});
      });
      memory = model->memory();
    }
    trim_heap();
  });
  auto expected = difference(before, memory);
  bytes_expected = total(expected);
  bytes_returned = meter.returned(expected, devices_of(source.get()));
  source.reset();
}

void trim_job::run() {
  auto before = model->memory();
  memory_meter meter{{}};
  took = timed([this] {
    model->limit_working(keep);
    trim_heap();
  });
  auto expected = difference(before, model->memory());
  bytes_expected = total(expected);
  bytes_returned = meter.returned(expected, {});
  model.reset();
}

} // namespace vef
