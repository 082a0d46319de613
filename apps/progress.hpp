#pragma once

#include <vef/apps/console.hpp>

#include <chrono>
#include <deque>
#include <string>

namespace vef {

/// How far the work is.
struct progress_facts {
  std::size_t done = 0; ///< failures included
  std::size_t failed = 0;
  std::size_t total = 0;
  double rate = 0; ///< pictures a second; 0: not known yet
};

/// "[=====>    ]  45 %  1,234 of 2,743  27.5/s  55.0 s left  3 failed", in at most `width` columns.
std::string progress_bar(const progress_facts& x, std::size_t width);

/// "1,234 of 2,743 pictures (45 %), 27.5/s, 55.0 s left, 3 failed".
std::string progress_sentence(const progress_facts& x);

/// The rate of the last half minute, so that the time left follows a change of pace but not every hiccup.
/// Brings no clock of its own.
class rate_meter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  void add(std::size_t done, time_point now);
  double rate() const; ///< 0 until two moments are known

private:
  struct mark {
    time_point when;
    std::size_t done;
  };
  std::deque<mark> marks_;
};

/// Shows progress: a bar on a terminal, a sentence every few seconds elsewhere, nothing if quiet.
class progress {
public:
  using time_point = rate_meter::time_point;

  progress(console& where, std::size_t total, bool quiet, time_point start);
  ~progress() { where_.show({}); }

  void update(std::size_t done, std::size_t failed, time_point now);

private:
  console& where_;
  progress_facts facts_;
  bool quiet_;
  rate_meter meter_;
  time_point next_;
};

} // namespace vef
