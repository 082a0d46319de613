#include <vef/apps/log_setup.hpp>

#include <vef/messages/suggest.hpp>

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdlib>
#include <vector>

namespace vef {

namespace {

class console_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
  explicit console_sink(std::shared_ptr<console> where)
      : where_(std::move(where)) {}

private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text{line.data(), line.size()};
    if (text.ends_with('\n')) text.remove_suffix(1);
    where_->say(text);
  }

  void flush_() override {}

  std::shared_ptr<console> where_;
};

result<spdlog::level::level_enum> level_of(const std::string& word, const char* whose) {
  static const std::vector<std::string> words{"trace", "debug", "info", "warn", "error", "critical", "off"};
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == word) return static_cast<spdlog::level::level_enum>(i);
  std::string all;
  for (const auto& x : words) all += (all.empty() ? "" : ", ") + x;
  return fail(errc::invalid_argument,
              std::string{whose} + ": " + unknown("log level", word, words) + " There are: " + all);
}

result<spdlog::level::level_enum> chosen_level(const log_options& options) {
  if (!options.level.empty()) return level_of(options.level, "--log-level");
  if (options.quiet) return spdlog::level::err;
  if (options.verbose > 0)
    return options.verbose == 1   ? spdlog::level::info
           : options.verbose == 2 ? spdlog::level::debug
                                  : spdlog::level::trace;
  if (auto word = std::getenv("VEF_LOG"); word && *word) return level_of(word, "VEF_LOG");
  return spdlog::level::warn;
}

} // namespace

result<void> set_up_log(const log_options& options, std::shared_ptr<console> where) {
  auto level = chosen_level(options);
  auto logger = std::make_shared<spdlog::logger>("vef", std::make_shared<console_sink>(std::move(where)));
  logger->set_pattern("%H:%M:%S.%e %l %v");
  logger->set_level(level ? *level : spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  if (!level) return fail(level.error());
  return {};
}

} // namespace vef
