#include <vef/backends/log.hpp>

#include <spdlog/spdlog.h>

namespace vef {

void log(log_level level, std::string_view text) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                  spdlog::level::warn, spdlog::level::err};
  spdlog::log(levels[static_cast<std::size_t>(level)], "{}", text);
}

} // namespace vef
