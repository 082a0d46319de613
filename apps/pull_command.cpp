#include <vef/apps/pull_command.hpp>

#include <vef/apps/interrupt.hpp>
#include <vef/apps/json.hpp>
#include <vef/apps/pull_progress.hpp>
#include <vef/apps/text.hpp>
#include <vef/backends/hub/download.hpp>

#include <future>

namespace vef {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{100};

exit_code code_of(const error& x) {
  switch (x.code) {
  case errc::cancelled: return exit_code::interrupted;
  case errc::invalid_argument: return exit_code::bad_arguments;
  default: return exit_code::nothing_done;
  }
}

std::string text_of(const model_name& x) { return x.revision == "main" ? x.id : x.id + '@' + x.revision; }

std::string summary(const pulled_model& x) {
  auto got = x.downloaded();
  auto name = printable(text_of(x.name));
  return "vef: pulled " + name + " at " + x.commit.substr(0, 12) + " into " + printable(x.snapshot.string())
         + " (" + count(x.files.size(), "file") + ", " + format_bytes(x.size()) + ", "
         + (got > 0 ? format_bytes(got) + " downloaded" : "all there already")
         + "); try: vef embed PHOTOS --model " + name;
}

json to_json(const pulled_model& x) {
  json out{{"model", x.name.id}, {"revision", x.name.revision},
           {"commit", x.commit}, {"snapshot", x.snapshot.string()},
           {"bytes", x.size()},  {"downloaded", x.downloaded()}};
  out["files"] = json::array();
  for (const auto& file : x.files)
    out["files"].push_back({{"path", file.path}, {"bytes", file.size}, {"downloaded", file.downloaded}});
  return out;
}

// On a thread of its own, so that this one can look for signals, which no download waits for.
result<pulled_model> pull_watched(const model_name& name, pull_options options, bool quiet, console& out) {
  pull_progress shown{out, quiet};
  std::stop_source stop;
  options.stop = stop.get_token();
  options.on_progress = [&](const std::string& file, std::uint64_t done, std::uint64_t total) {
    shown.update(file, done, total, clock::now());
  };
  interrupt signals;
  auto pulled = std::async(std::launch::async, [&] { return pull(name, options); });
  while (pulled.wait_for(between_looks) != std::future_status::ready) {
    shown.tick(clock::now());
    if (interrupt::requested() && stop.request_stop())
      out.say("vef: interrupted; what has come is kept (once more quits at once)");
  }
  return pulled.get();
}

} // namespace

exit_code pull_command(const pull_request& request, const common_options& common, console& out,
                       const environment& variables) {
  auto name = parse_model_name(request.model);
  if (!name) {
    complain(out, name.error());
    return exit_code::bad_arguments;
  }
  auto options = pull_options::from(variables);
  options.parallel = request.parallel;
  auto pulled = pull_watched(*name, std::move(options), common.quiet, out);
  if (!pulled) {
    complain(out, pulled.error());
    return code_of(pulled.error());
  }
  if (!common.quiet) out.say(summary(*pulled));
  return request.as_json ? print(out, to_page(to_json(*pulled))) : exit_code::ok;
}

} // namespace vef
