#pragma once

#include <vef/messages/errors.hpp>

#include <exception>
#include <new>
#include <string>

namespace vef {

/// Calls what somebody else wrote and turns an exception that leaves it into an error: `out_of_memory` for
/// bad_alloc, else `code`. `what` says what was tried.
template <class F> auto guarded(errc code, const std::string& what, F&& call) noexcept -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory, what + ": no memory left");
  } catch (const std::exception& e) {
    return fail(code, what + ": " + e.what());
  } catch (...) {
    return fail(code, what + ": an exception of unknown type");
  }
}

} // namespace vef
