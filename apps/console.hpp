#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace vef {

/// Standard error, shared by messages, log lines and one line of progress: on a terminal that line stays last
/// and is redrawn under whatever is said. Safe to use from many threads.
class console {
public:
  explicit console(int file = 2);
  ~console();
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  bool terminal() const noexcept { return terminal_; }

  /// Columns of the terminal, `page_width` where there is none.
  std::size_t width() const;

  /// Writes a line.
  void say(std::string_view line);

  /// Shows or changes the last line of a terminal; an empty one takes it away. Nothing elsewhere.
  void show(std::string line);

private:
  void put(std::string_view text);

  int file_;
  bool terminal_;
  std::mutex mutex_;
  std::string last_;
};

} // namespace vef
