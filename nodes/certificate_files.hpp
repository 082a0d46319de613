#pragma once

#include <vef/messages/errors.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace vef {

// Certificates as files, for nodes over the network (tls_files.hpp has what each program needs). Folders that
// are made, and keys, are for this user alone.
//
// Errors of all: cannot_write, also for what is there already; disk_full; those of `make_authority` and
// `make_certificate`.

/// Makes an authority: ca.pem, which every program gets, and ca-key.pem, which stays where it is: whoever has
/// it can let in anybody.
result<void> write_authority(const std::filesystem::path& folder, const std::string& name,
                             std::chrono::days valid);

/// What becomes of a node's files that are there already.
enum class earlier_files {
  refuse, ///< they stay, and nothing is made: cannot_write
  renew,  ///< the key stays, and gets a new certificate
};

/// Makes ca.pem, certificate.pem and key.pem in `node_folder`, for a program that is reached by these names
/// and addresses; `authority_folder` has what `write_authority` made. The folder appears with all of its
/// files or not at all.
///
/// With `renew` a node can go on meanwhile: CAF opens certificate and key one after the other for each
/// connection, and ends the process if they do not belong together. So the key stays, and each file is
/// replaced at once: at no time is there a pair that does not fit. For another key (if the old one became
/// known), remove the folder and stop the node first.
///
/// Further errors: file_not_found and file_unreadable for the authority or, with `renew`, a node's key;
/// invalid_argument for one that is none.
result<void> write_node(const std::filesystem::path& authority_folder,
                        const std::filesystem::path& node_folder, const std::vector<std::string>& hosts,
                        std::chrono::days valid, earlier_files earlier = earlier_files::refuse);

/// The certificates by which this user's programs on this machine know each other, for localhost alone, in
/// $XDG_STATE_HOME/vef/tls, or else ~/.local/state/vef/tls. They are made at the first use, for 10 years; the
/// authority's key is never written down. Programs that start at the same time get the same ones.
///
/// Further errors: cannot_write if there is no home.
result<std::filesystem::path> user_certificates();

} // namespace vef
