#pragma once

#include <vef/messages/errors.hpp>

#include <string>
#include <vector>

namespace vef {

/// Which files other nodes may name by their paths: those below the folders that this node shares. That holds
/// for the path as it is spelled, with '..' taken out, so that a refusal tells nothing of what is outside,
/// and for the file that links lead to.
///
/// Safe to share between threads. Each call looks at the file system anew, so that a folder may be a link
/// that is set to another place while the node runs.
class path_guard {
public:
  /// `folders` are absolute; they need not exist. Without any, no path is allowed.
  explicit path_guard(std::vector<std::string> folders = {});

  /// The file that this path names, by a path without links and '..': to be opened in place of the one given,
  /// so that what was checked is what is opened. What remains is that somebody who may write below a shared
  /// folder puts a link in the place of a folder or a file in between; who may do that could as well have
  /// copied there what he wants to be read.
  ///
  /// Errors: not_allowed outside the folders, in the same words whether there is anything or not;
  /// file_not_found and file_unreadable below them; invalid_argument for a path that is not absolute, is
  /// longer than the system allows, or has a zero byte.
  result<std::string> allowed(const std::string& path) const;

  /// For the one who sends: whether a node that shares `folders` may be sent this path instead of the file's
  /// bytes. By the same rules, with the links of this machine, and '..' must not follow one. Whether the same
  /// file is there, on the same disk or another, is what its folders promise.
  static bool names(const std::vector<std::string>& folders, const std::string& path);

private:
  std::vector<std::string> folders_;
};

} // namespace vef
