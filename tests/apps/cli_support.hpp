#pragma once

#include "support/catch.hpp"
#include "support/npy.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vef::test {

/// How a call of the program differs from a plain one.
struct call {
  std::string stdout_to = {};                 ///< a path; empty: a file of its own
  std::vector<std::string> environment = {};  ///< "NAME=value"
  std::optional<std::size_t> file_limit = {}; ///< no file may grow beyond so many bytes
  std::string folder = {};                    ///< to run in
};

/// The program while it runs. Killed if the test gives up on it.
class process {
public:
  process(const scratch& at, const std::vector<std::string>& arguments, const call& how = {});
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  void signal(int number) const;

  /// Waits for the end; fails the test after a minute. The exit status, or minus the signal that ended it.
  int wait();

  /// Waits until something is the case, looking whenever a file in a folder changes. False if the program
  /// ends first.
  bool wait_until(const std::filesystem::path& folder, const std::function<bool()>& reached) const;

  std::string out() const { return content_of(out_); }
  std::string err() const { return content_of(err_); }
  const std::string& err_file() const { return err_; }

private:
  pid_t pid_ = -1;
  int handle_ = -1;
  std::string out_;
  std::string err_;
};

struct finished {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs the program to its end.
finished vef(const scratch& at, const std::vector<std::string>& arguments, const call& how = {});

/// Writes a picture of soft random blobs; the same number gives the same picture. Its kind is that of the
/// name.
std::string put_picture(const scratch& at, const std::string& name, int number, int width = 160,
                        int height = 120);

/// The lines of a text as JSON; fails the test if one is none.
std::vector<nlohmann::json> json_lines(const std::string& text);

std::size_t count_of(const std::string& text, const std::string& what);

/// The text's lines.
std::vector<std::string> split(const std::string& text);

/// Whether the program has the torch backend.
bool has_torch(const scratch& at);

} // namespace vef::test
