#include <vef/messages/interfaces.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <atomic>

namespace vef {

namespace {

constexpr auto category = caf::atom("vef");

std::atomic<actor_failure_listener> failure_listener = nullptr;

std::string context_of(const caf::error& x) {
  return x.context().match_elements<std::string>() ? x.context().get_as<std::string>(0) : std::string{};
}

} // namespace

caf::error to_caf(const error& x) {
  if (!x) return {};
  return caf::error{static_cast<std::uint8_t>(x.code), category, caf::make_message(x.what)};
}

error from_caf(const caf::error& x) {
  if (!x) return {};
  if (x.category() == category) {
    auto known = x.code() < errc_count;
    return {known ? static_cast<errc>(x.code()) : errc::internal, context_of(x)};
  }
  if (x.category() == caf::atom("exit"))
    return {errc::unavailable, "the actor asked is gone: " + caf::to_string(x)};
  if (x.category() == caf::atom("system")) {
    switch (static_cast<caf::sec>(x.code())) {
    case caf::sec::request_timeout: return {errc::deadline_exceeded, "no answer in time"};
    case caf::sec::request_receiver_down: return {errc::unavailable, "the actor asked is gone"};
    case caf::sec::cannot_connect_to_node:
    case caf::sec::disconnect_during_handshake:
      return {errc::unavailable, "no connection: " + caf::to_string(x)};
    default: break;
    }
  }
  return {errc::internal, caf::to_string(x)};
}

void on_actor_failure(actor_failure_listener listener) noexcept { failure_listener = listener; }

void detail::report_actor_failure(const char* actor, const std::string& what) {
  if (auto listener = failure_listener.load()) listener(actor, what);
}

void add_message_types(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::vef>();
  config.add_error_category(category, [](std::uint8_t code, caf::atom_value, const caf::message& context) {
    auto known = code < errc_count;
    auto text = context.match_elements<std::string>() ? context.get_as<std::string>(0) : std::string{};
    return describe(error{known ? static_cast<errc>(code) : errc::internal, std::move(text)});
  });
}

} // namespace vef
