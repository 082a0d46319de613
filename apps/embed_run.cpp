#include <vef/apps/embed_run.hpp>

#include <algorithm>
#include <chrono>
#include <deque>

namespace vef {

namespace {

using namespace std::chrono_literals;

/// Consecutive files: the pictures among them are one request.
struct chunk {
  std::span<const input> files;
  std::future<embeddings> answer; ///< invalid where no file is a picture
};

// Errors that the next request would get as well.
bool ends_all(errc code) {
  switch (code) {
  case errc::unknown_model:
  case errc::unknown_service:
  case errc::unknown_variant:
  case errc::load_failed:
  case errc::over_budget:
  case errc::shutting_down:
  case errc::unavailable:
  case errc::unreachable:
  case errc::not_allowed:
  case errc::internal: return true;
  default: return false;
  }
}

// The error of a request that failed as a whole.
error whole_failure(const embeddings& x) {
  if (x.size() == 0) return {};
  auto first = x[0].error();
  auto same = std::ranges::all_of(x.reply().outcomes, [&](const error& e) { return e == first; });
  return same && ends_all(first.code) ? first : error{};
}

class runner {
public:
  explicit runner(const embed_run& what)
      : what_(what)
      , chunks_ahead_(std::max<std::size_t>(2, what.pictures_ahead / what.request_size)) {}

  embed_tally run() {
    while (!ended()) {
      while (open_.size() < chunks_ahead_ && next_ < what_.files.size() && !asked_to_stop()) send();
      if (open_.empty()) break;
      take(open_.front());
      open_.pop_front();
      what_.on_progress(tally_);
    }
    tally_.stopped = stopping_ && tally_.done() < what_.files.size();
    return std::move(tally_);
  }

private:
  bool ended() const { return tally_.service_gone || tally_.not_written; }

  bool asked_to_stop() {
    stopping_ = stopping_ || what_.stop();
    return stopping_;
  }

  void send() {
    auto size = std::min(what_.request_size, what_.files.size() - next_);
    chunk x{what_.files.subspan(next_, size), {}};
    next_ += size;
    std::vector<image> images;
    for (const auto& file : x.files)
      if (!file.problem) images.emplace_back(file.path);
    if (!images.empty()) x.answer = what_.submit(std::move(images));
    open_.push_back(std::move(x));
  }

  void take(chunk& x) {
    embeddings answer{embed_reply{}};
    if (x.answer.valid()) {
      while (x.answer.wait_for(100ms) != std::future_status::ready) {
        std::ignore = asked_to_stop();
        what_.on_progress(tally_);
      }
      answer = x.answer.get();
    }
    tally_.service_gone = whole_failure(answer);
    if (tally_.service_gone) return;
    std::size_t row = 0;
    for (const auto& file : x.files) {
      if (file.problem)
        fail(file, file.problem);
      else
        keep(file, answer[row++]);
      if (tally_.not_written) return;
    }
    note(what_.out->flush());
  }

  void keep(const input& file, const embeddings::row& row) {
    if (!row) return fail(file, row.error());
    ++tally_.embedded;
    note(what_.out->add(file.path, row.vector()));
  }

  void fail(const input& file, const error& problem) {
    ++tally_.failed;
    what_.on_failure(problem);
    note(what_.out->add(file.path, problem));
  }

  void note(const result<void>& written) {
    if (!written) tally_.not_written = written.error();
  }

  const embed_run& what_;
  std::size_t chunks_ahead_;
  std::size_t next_ = 0;
  bool stopping_ = false;
  std::deque<chunk> open_;
  embed_tally tally_;
};

} // namespace

embed_tally embed_run::run() const { return runner{*this}.run(); }

} // namespace vef
