#include <vef/apps/console.hpp>

#include <vef/apps/text.hpp>

#include <cerrno>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace vef {

namespace {

constexpr std::string_view erase = "\r\x1b[K";

} // namespace

console::console(int file)
    : file_(file)
    , terminal_(::isatty(file) == 1) {
  if (auto kind = std::getenv("TERM"); kind && std::string_view{kind} == "dumb") terminal_ = false;
}

console::~console() { show({}); }

std::size_t console::width() const {
  winsize size{};
  auto known = terminal_ && ::ioctl(file_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : page_width;
}

void console::say(std::string_view line) {
  std::lock_guard lock{mutex_};
  std::string text;
  if (!last_.empty()) text += erase;
  text += line;
  text += '\n';
  put(text + last_);
}

void console::show(std::string line) {
  if (!terminal_) return;
  std::lock_guard lock{mutex_};
  if (line.empty() && last_.empty()) return;
  last_ = std::move(line);
  put(std::string{erase} + last_);
}

// Whatever can't be written to standard error can't be told to anybody.
void console::put(std::string_view text) {
  while (!text.empty()) {
    auto n = ::write(file_, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

} // namespace vef
