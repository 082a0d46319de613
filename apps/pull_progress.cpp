#include <vef/apps/pull_progress.hpp>

#include <vef/apps/text.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace vef {

namespace {

constexpr std::chrono::milliseconds between_bars{100};

// What grows by more at once was on the disk before, and says nothing about the network.
constexpr std::uint64_t largest_step = 1_MiB;

} // namespace

std::string pull_bar(const pull_facts& x, std::size_t width) {
  auto share = x.total == 0 ? 1.0 : static_cast<double>(x.done) / static_cast<double>(x.total);
  share = std::min(share, 1.0);
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d %%", static_cast<int>(share * 100));
  auto text = std::string{percent} + "  " + format_bytes(x.done) + " of " + format_bytes(x.total);
  if (x.rate >= 1) {
    auto left = static_cast<double>(x.total - std::min(x.done, x.total)) / x.rate;
    text +=
        "  " + format_bytes(static_cast<std::uint64_t>(x.rate)) + "/s  " + format_duration(left) + " left";
  }
  // One column stays free: some terminals wrap when the last is used.
  auto room = width > text.size() + 5 ? std::min<std::size_t>(width - text.size() - 5, 30) : 0;
  if (room < 5) return keep_start(text, width > 0 ? width - 1 : 0);
  auto filled = static_cast<std::size_t>(share * static_cast<double>(room));
  std::string bar(filled, '=');
  if (filled < room) bar += '>';
  bar.resize(room, ' ');
  return '[' + bar + "] " + text;
}

void pull_progress::update(const std::string& name, std::uint64_t done, std::uint64_t total, time_point now) {
  if (quiet_) return;
  std::lock_guard lock{mutex_};
  auto& x = files_[name];
  if (done > x.done && done - x.done <= largest_step) arrived_ += done - x.done;
  x.done = done;
  x.total = total;
  if (where_.terminal()) return draw(now);
  if (done < total || std::exchange(x.told, true)) return;
  where_.say("vef: " + printable(name) + " (" + format_bytes(total) + ')');
}

void pull_progress::tick(time_point now) {
  if (quiet_ || !where_.terminal()) return;
  std::lock_guard lock{mutex_};
  if (!files_.empty()) draw(now);
}

void pull_progress::draw(time_point now) {
  if (now < next_) return;
  next_ = now + between_bars;
  pull_facts sum;
  for (const auto& [name, x] : files_) {
    sum.done += x.done;
    sum.total += x.total;
  }
  meter_.add(arrived_, now);
  sum.rate = meter_.rate();
  where_.show(pull_bar(sum, where_.width()));
}

} // namespace vef
