#include <vef/apps/progress.hpp>

#include <vef/apps/text.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto remembered = 30s;
constexpr auto between_marks = 500ms;
constexpr auto between_bars = 100ms;
constexpr auto between_sentences = 5s;

std::size_t percent(const progress_facts& x) { return x.total == 0 ? 100 : x.done * 100 / x.total; }

std::string rate_text(double rate) {
  char out[32];
  std::snprintf(out, sizeof out, rate < 99.95 ? "%.1f/s" : "%.0f/s", rate);
  return out;
}

// " left", where it can be told.
std::string time_left(const progress_facts& x) {
  return format_duration(static_cast<double>(x.total - std::min(x.done, x.total)) / x.rate) + " left";
}

} // namespace

std::string progress_bar(const progress_facts& x, std::size_t width) {
  char share[16];
  std::snprintf(share, sizeof share, "%3zu %%", percent(x));
  auto text = std::string{share} + "  " + grouped(x.done) + " of " + grouped(x.total);
  if (x.rate > 0) text += "  " + rate_text(x.rate) + "  " + time_left(x);
  if (x.failed > 0) text += "  " + grouped(x.failed) + " failed";
  // One column stays free: some terminals wrap when the last is used.
  auto room = width > text.size() + 5 ? std::min<std::size_t>(width - text.size() - 5, 30) : 0;
  if (room < 5) return keep_start(text, width > 0 ? width - 1 : 0);
  auto filled = x.total == 0 ? room : std::min(room, room * x.done / x.total);
  std::string bar(filled, '=');
  if (filled < room) bar += '>';
  bar.resize(room, ' ');
  return '[' + bar + "] " + text;
}

std::string progress_sentence(const progress_facts& x) {
  auto text =
      grouped(x.done) + " of " + count(x.total, "picture") + " (" + std::to_string(percent(x)) + " %)";
  if (x.rate > 0) text += ", " + rate_text(x.rate) + ", " + time_left(x);
  if (x.failed > 0) text += ", " + grouped(x.failed) + " failed";
  return text;
}

void rate_meter::add(std::size_t done, time_point now) {
  // The newest mark moves along until it is far enough from the one before.
  if (marks_.size() > 1 && now - marks_[marks_.size() - 2].when < between_marks) marks_.pop_back();
  marks_.push_back({now, done});
  while (marks_.size() > 2 && now - marks_[1].when > remembered) marks_.pop_front();
}

double rate_meter::rate() const {
  if (marks_.size() < 2) return 0;
  auto time = std::chrono::duration<double>(marks_.back().when - marks_.front().when).count();
  return time > 0 ? static_cast<double>(marks_.back().done - marks_.front().done) / time : 0;
}

progress::progress(console& where, std::size_t total, bool quiet, time_point start)
    : where_(where)
    , quiet_(quiet)
    , next_(where.terminal() ? start : start + between_sentences) {
  facts_.total = total;
  meter_.add(0, start);
}

void progress::update(std::size_t done, std::size_t failed, time_point now) {
  if (quiet_) return;
  if (done != facts_.done) meter_.add(done, now);
  facts_.done = done;
  facts_.failed = failed;
  if (now < next_) return;
  next_ = now + (where_.terminal() ? between_bars : std::chrono::milliseconds{between_sentences});
  facts_.rate = meter_.rate();
  if (where_.terminal())
    where_.show(progress_bar(facts_, where_.width()));
  else
    where_.say("vef: " + progress_sentence(facts_));
}

} // namespace vef
