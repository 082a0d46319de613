#pragma once

#include <vef/apps/console.hpp>
#include <vef/messages/errors.hpp>

#include <memory>
#include <string>

namespace vef {

struct log_options {
  int verbose = 0; ///< how often -v was given
  bool quiet = false;
  std::string level = {}; ///< of --log-level
};

/// Sends the log to a console, as lines like "12:00:00.123 info service descriptors runs". Its level is that
/// of
/// --log-level, else of -v and -q, else of the environment variable VEF_LOG, else warn.
///
/// Errors: invalid_argument for a level that there is not.
result<void> set_up_log(const log_options& options, std::shared_ptr<console> where);

} // namespace vef
