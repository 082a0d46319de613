#include <vef/apps/json.hpp>

#include <cstdio>
#include <ctime>

namespace vef {

json to_json(timestamp when) {
  auto since = when.time_since_epoch().count();
  if (since == 0) return {};
  std::time_t seconds = since / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[32], out[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(out, sizeof out, "%s.%03dZ", date, static_cast<int>(since % 1000));
  return out;
}

json to_json(const error& x) {
  if (!x) return {};
  return {{"code", to_string(x.code)}, {"what", x.what}};
}

std::string to_line(const json& x) { return x.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string to_page(const json& x) { return x.dump(2, ' ', false, json::error_handler_t::replace) + '\n'; }

} // namespace vef
