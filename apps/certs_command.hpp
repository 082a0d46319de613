#pragma once

#include <vef/apps/command.hpp>

#include <string>
#include <vector>

namespace vef {

struct certs_request {
  std::string out = "certs";             ///< a folder for all
  std::string authority = "vef";         ///< the name of one that is made, for people
  unsigned days = 730;                   ///< for which certificates are valid; an authority is for 10 years
  std::vector<std::string> hosts = {};   ///< each HOST, or NAME=HOST,HOST for several in a folder NAME
  std::vector<std::string> clients = {}; ///< names of programs that connect, and are not connected to
  bool renew = false;                    ///< new certificates for folders that are there; keys stay
  bool as_json = false;                  ///< what was made, on standard output
};

/// `vef certs`: certificates for nodes on several machines. Makes an authority in the folder `out` if none is
/// there, and by it a folder of files for each node and each client.
exit_code certs_command(const certs_request& request, const common_options& common, console& out);

} // namespace vef
