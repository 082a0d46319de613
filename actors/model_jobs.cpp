#include <vef/actors/model_jobs.hpp>

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

void embed_job::run_part(std::size_t from, std::size_t count, unsigned threads) {
  auto images = std::span<const pixels>{batch.images}.subspan(from, count);
  auto rows = vector_rows{batch.rows}.subspan(from, count);
  auto done = guarded(errc::embed_failed, "the forward pass failed",
                      [&] { return model->embed(images, rows, embed_context{threads}); });
  if (!done && count > 1) {
    run_part(from, count / 2, threads);
    run_part(from + count / 2, count - count / 2, threads);
    return;
  }
  if (!done) {
    outcomes[from] = done.error();
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (!std::ranges::all_of(rows[i], [](float x) { return std::isfinite(x); }))
      outcomes[from + i] = {errc::embed_failed, "the model gave a vector with numbers that are not finite"};
}

void load_job::run(unsigned threads) {
  took = timed([&] {
    model = guarded(errc::load_failed, "cannot load model " + quoted(info.id),
                    [&]() -> result<std::unique_ptr<loaded_model>> {
                      auto loaded = source->load(info, load_context{threads});
                      if (loaded && !*loaded) return fail(errc::load_failed, "the backend returned no model");
                      if (loaded) bytes = (*loaded)->memory_bytes();
                      return loaded;
                    });
  });
  source.reset();
}

void unload_job::run() {
  auto before = resident_bytes();
  took = timed([this] {
    model.reset();
    trim_heap();
  });
  auto after = resident_bytes();
  bytes_returned = before > after ? before - after : 0;
}

} // namespace vef
