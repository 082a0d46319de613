#pragma once

#include <vef/apps/output.hpp>
#include <vef/apps/walk.hpp>
#include <vef/supervisor/runtime.hpp>

#include <functional>
#include <future>

namespace vef {

/// What came of a run.
struct embed_tally {
  std::size_t embedded = 0;
  std::size_t failed = 0;
  bool stopped = false; ///< before its end, because somebody asked for it
  error service_gone;   ///< the end: no further picture could be embedded
  error not_written;    ///< the end: the output takes no more

  std::size_t done() const noexcept { return embedded + failed; }
};

/// Embeds files in requests of a few pictures, several of them under way at once, and hands the outcomes to
/// an output in the order of the files. At most `pictures_ahead` are in memory, however many files there are.
struct embed_run {
  std::span<const input> files;
  std::size_t request_size = 8;
  std::size_t pictures_ahead = 64;
  output* out = nullptr;
  std::function<std::future<embeddings>(std::vector<image>)> submit = {};

  /// Asked often: whether to stop. What is under way is still finished and written.
  std::function<bool()> stop = [] { return false; };

  /// Told often how far it is, at least every tenth of a second.
  std::function<void(const embed_tally&)> on_progress = [](const embed_tally&) {};
  std::function<void(const error&)> on_failure = [](const error&) {};

  embed_tally run() const;
};

} // namespace vef
