#pragma once

#include <vef/messages/errors.hpp>

#include <filesystem>
#include <memory>

namespace vef {

/// Who may talk to whom within one run: an authority made for it, and one certificate with its key, for a
/// node and for those that connect to it alike. Whoever can read the key belongs to the run. The authority's
/// key is never written down and is forgotten at once, so that nobody can make a further certificate.
///
/// The files lie in a folder that this user alone can enter, which goes with the object. A process that is
/// killed leaves it behind; the user's runtime folder is emptied when the user's last session ends.
class run_certificates {
public:
  /// Makes them in a fresh folder within `where`; if that is empty, within $XDG_RUNTIME_DIR, or else within
  /// the folder for temporary files.
  ///
  /// Errors: cannot_write, which names the folder; disk_full; missing_capability if OpenSSL can't make them.
  static result<std::shared_ptr<run_certificates>> make(const std::filesystem::path& where = {});

  ~run_certificates();

  run_certificates(const run_certificates&) = delete;
  run_certificates& operator=(const run_certificates&) = delete;

  const std::filesystem::path& folder() const { return folder_; }

  /// Files, all PEM.
  std::filesystem::path ca() const { return folder_ / "ca.pem"; }
  std::filesystem::path certificate() const { return folder_ / "certificate.pem"; }
  std::filesystem::path key() const { return folder_ / "key.pem"; }

private:
  explicit run_certificates(std::filesystem::path folder);

  std::filesystem::path folder_;
};

} // namespace vef
