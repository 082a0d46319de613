#pragma once

#include <vef/apps/command.hpp>

namespace vef {

/// `vef models`: what can be embedded with.
exit_code models_command(const common_options& common, bool as_json, console& out);

/// `vef info ID`: all that is known of one model.
exit_code info_command(const std::string& model, const common_options& common, bool as_json, console& out);

} // namespace vef
