#include <vef/apps/create_command.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/node_client.hpp>
#include <vef/apps/text.hpp>
#include <vef/supervisor/spec_file.hpp>
#include <vef/supervisor/start_order.hpp>

#include <algorithm>
#include <chrono>

namespace vef {

namespace {

result<service_spec> spec_of(const create_options& x) {
  service_spec out{.name = x.name.empty() ? x.backend : x.name, .backend = x.backend};
  if (out.name.empty())
    return fail(errc::invalid_argument,
                "nothing says what to make: name a file that describes services, or a --backend");
  for (const auto& text : x.settings) {
    auto sign = text.find('=');
    if (sign == text.npos || sign == 0)
      return fail(errc::invalid_argument,
                  "cannot read the setting " + vef::quoted(text) + ": write KEY=VALUE");
    out.settings[text.substr(0, sign)] = text.substr(sign + 1);
  }
  return out;
}

result<std::vector<service_spec>> specs_of(const create_options& x) {
  if (x.file.empty()) {
    auto one = spec_of(x);
    if (!one) return fail(one.error());
    return std::vector{std::move(*one)};
  }
  if (!x.name.empty() || !x.backend.empty() || !x.settings.empty())
    return fail(errc::invalid_argument,
                vef::quoted(x.file)
                    + " describes services, as do --backend, --name and --set: use one of the two");
  auto specs = read_service_specs(x.file);
  if (!specs) return fail(specs.error());
  if (specs->empty()) return fail(errc::invalid_config, x.file + ": there is no [[service]] in this file");
  auto order = start_order(*specs);
  if (!order) return fail(order.error());
  auto place = [&](const service_spec& s) { return std::ranges::find(*order, s.name) - order->begin(); };
  std::ranges::sort(*specs, {}, place);
  return specs;
}

std::string made_text(const service_status& x, const std::string& node, std::chrono::milliseconds took) {
  return "made service " + vef::quoted(x.name) + " of backend " + vef::quoted(x.backend) + " on node "
         + vef::quoted(node) + " in " + grouped(static_cast<std::size_t>(took.count()))
         + " ms: " + std::string{to_string(x.state)} + ", " + count(x.catalog.size(), "model") + '\n';
}

} // namespace

exit_code create_command(const create_options& options, const common_options& common, console& out) {
  auto specs = specs_of(options);
  if (!specs) return refuse(out, specs.error());
  auto there = node_client::connect(common);
  if (!there) return refuse(out, there.error());
  std::string text;
  auto list = json::array();
  error problem;
  for (const auto& spec : *specs) {
    auto begun = std::chrono::steady_clock::now();
    auto made = there->create(spec, options.node);
    if (!made) {
      problem = made.error();
      break;
    }
    auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    text += made_text(*made, options.node, took);
    json line{{"node", options.node}};
    line.update(to_json(*made));
    list.push_back(std::move(line));
  }
  auto written = print(out, options.as_json ? to_page(list) : text);
  if (!problem) return written;
  auto code = refuse(out, problem);
  return list.empty() ? code : exit_code::nothing_done;
}

} // namespace vef
