#include <vef/apps/common_options.hpp>

#include <cstdlib>

namespace vef {

void add_common_options(CLI::App& app, command_line& line) {
  constexpr auto machine = "Models and machine", talk = "Messages";
  app.add_option("--models", line.common.models,
                 "Folder or file of models, beside the Hub's cache; may be repeated")
      ->allow_extra_args(false)
      ->type_name("DIR")
      ->group(machine);
  app.add_option("--services", line.common.services,
                 "File that describes services to run instead of the usual ones")
      ->type_name("FILE")
      ->group(machine);
  app.add_option("--budget", line.common.budget,
                 "Memory for models, such as 2GB, 512MiB or 50%; 80% if not given")
      ->type_name("SIZE")
      ->group(machine);
  app.add_option("--threads", line.common.threads, "Cores to use; all if not given")
      ->check(whole(1, 1024))
      ->type_name("N")
      ->group(machine);
  app.add_flag("-v,--verbose", line.log.verbose, "Say more: -v what happens, -vv the rest")->group(talk);
  app.add_flag("-q,--quiet", line.common.quiet, "Say nothing but errors")->group(talk);
  app.add_option("--log-level", line.log.level, "trace, debug, info, warn, error or off")
      ->type_name("LEVEL")
      ->group(talk);
}

void add_network_options(CLI::App& app, command_line& line) {
  constexpr auto group = "Network";
  app.add_option("--node", line.common.nodes,
                 "HOST:PORT of a node that does the work; more with commas between")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NODE")
      ->group(group);
  app.add_option("--tls", line.common.tls,
                 "Folder of certificates; those of this user and machine if not given")
      ->type_name("DIR")
      ->group(group);
  app.add_flag("--insecure", line.common.insecure, "Neither certificates nor secrecy; on this machine alone")
      ->group(group);
}

// The settings of the backend, which checks them.
void add_checkpoint_options(CLI::App& app, command_line& line) {
  constexpr auto group = "Checkpoints of Hugging Face's transformers";
  auto add = [&](const char* flag, const std::string& setting, const char* help, const char* type) {
    auto keep = [&line, setting](const std::string& value) { line.common.checkpoints[setting] = value; };
    return app.add_option_function<std::string>(flag, keep, help)->type_name(type)->group(group);
  };
  add("--embedding", "output", "What to take from the network; 'vef info ID' lists what there is", "NAME");
  add("--precision", "precision", "float32, bfloat16, float16 (CUDA) or auto: the best that does no harm",
      "TYPE");
  add("--size", "size", "Side of the input, or WxH, for models that can take another", "N");
  add("--truncate", "truncate_dim", "How many numbers of a vector to keep, if trained for that", "N");
  add("--arithmetic", "arithmetic", "Whose pictures to match to the bit: pillow, pillow-13, torchvision",
      "NAME");
  add("--device", "device", "cpu (the default), cuda or cuda:N", "NAME");
  app.add_flag_function(
         "--normalize,!--no-normalize",
         [&line](std::int64_t n) { line.common.checkpoints["normalize"] = n > 0 ? "true" : "false"; },
         "Vectors of length 1, or as they come; by default as is usual")
      ->group(group);
}

namespace {

std::string of_environment(const char* name) {
  auto text = std::getenv(name);
  return text ? text : "";
}

std::vector<std::string> split(std::string_view rest, char between) {
  std::vector<std::string> out;
  while (!rest.empty()) {
    auto item = rest.substr(0, rest.find(between));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (!item.empty()) out.emplace_back(item);
  }
  return out;
}

} // namespace

void add_environment(command_line& line) {
  auto& x = line.common;
  if (x.nodes.empty() && !line.serves) x.nodes = split(of_environment("VEF_NODE"), ',');
  if (x.tls.empty() && !x.insecure && !line.serves) x.tls = of_environment("VEF_TLS");
  if (!x.nodes.empty()) return;
  for (auto& folder : split(of_environment("VEF_MODELS"), ':')) x.models.push_back(std::move(folder));
  if (x.services.empty() && !line.serves) x.services = of_environment("VEF_SERVICES");
}

} // namespace vef
