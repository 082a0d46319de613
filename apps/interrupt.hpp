#pragma once

namespace vef {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP is a request to finish, and the second ends the
/// process at once with status 130. A signal that was ignored stays so, as `nohup` wants it. One at a time.
class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  static bool requested() noexcept;
};

} // namespace vef
