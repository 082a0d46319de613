#include <vef/actors/memory_monitor.hpp>
#include <vef/actors/service.hpp>
#include <vef/backends/guard.hpp>
#include <vef/supervisor/isolation/child_process.hpp>
#include <vef/supervisor/isolation/orders.hpp>
#include <vef/supervisor/isolation/processes.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/openssl/all.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto answer_limit = 10s; // for the parent, which only looks things up

struct child_config : caf::actor_system_config {
  explicit child_config(const std::filesystem::path& certificates) {
    vef::add_message_types(*this);
    add_network(*this, certificates);
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{1}); // it only passes messages on
  }
};

struct made_service {
  std::shared_ptr<backend> source;
  std::vector<model_info> catalog;
  std::vector<device_reading> devices;
};

result<made_service> make(const backend_types& types, const service_spec& spec) {
  return guarded(errc::load_failed, "cannot start service " + vef::quoted(spec.name),
                 [&]() -> result<made_service> {
                   auto made = types.make(spec.backend, spec.settings);
                   if (!made) return fail(made.error());
                   made_service out{std::shared_ptr<backend>{std::move(*made)}, {}, {}};
                   out.catalog = out.source->catalog();
                   out.devices = out.source->devices();
                   if (auto good = validate(out.catalog); !good) return fail(good.error());
                   return out;
                 });
}

/// Runs what the parent orders, until that ends. Asking is blocking: this thread has nothing else to do.
class child {
public:
  child(caf::actor_system& system, child_door_actor door, const backend_types& types)
      : self_(system)
      , door_(std::move(door))
      , types_(types) {}

  int run() {
    child_orders orders;
    error problem;
    self_->request(door_, answer_limit, hello_atom_v)
        .receive([&](child_orders& x) { orders = std::move(x); },
                 [&](caf::error& why) { problem = from_caf(why); });
    if (problem) return give_up(problem);
    auto made = make(types_, orders.spec);
    if (!made) {
      report({.problem = made.error(), .service = {}});
      return 1;
    }
    auto service = start(orders, std::move(*made));
    self_->monitor(service);
    self_->monitor(door_);
    if (!report({.problem = {}, .service = service})) return 1;
    self_->receive([](const caf::down_msg&) {}); // of the service, which was told to end, or of the parent
    return 0;
  }

private:
  service_actor start(const child_orders& orders, made_service made) {
    auto work = make_workers(orders.work);
    if (!made.devices.empty()) {
      caf::anon_send(orders.governor, pressure_atom_v, made.devices);
      devices_->add(made.source);
      // The parent looks at the host's memory.
      monitor_options only_devices{.trigger = false, .files = {"/nonexistent", "/nonexistent"}};
      monitor_ =
          spawn_memory_monitor(self_->system(), {only_devices, orders.governor, work.background, devices_});
    }
    return spawn_service(self_->system(),
                         {orders.spec, std::move(made.source), std::move(made.catalog), std::move(work),
                          orders.governor, orders.models, orders.idle, orders.listener});
  }

  bool report(const child_news& news) {
    auto wanted = false;
    self_->request(door_, answer_limit, hello_atom_v, news)
        .receive([&](bool x) { wanted = x; }, [&](caf::error& why) { give_up(from_caf(why)); });
    return wanted;
  }

  static int give_up(const error& why) {
    spdlog::error("the parent process does not answer: {}", why.what);
    return 1;
  }

  caf::scoped_actor self_;
  child_door_actor door_;
  const backend_types& types_;
  std::shared_ptr<device_sources> devices_ = std::make_shared<device_sources>();
  monitor_actor monitor_;
};

int run_child(const std::shared_ptr<backend_types>& types) {
  if (auto good = end_with_parent(); !good) {
    spdlog::error("{}", describe(good.error()));
    return 1;
  }
  std::string_view text = std::getenv(child_port_variable);
  const char* certificates = std::getenv(child_certificates_variable);
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  if (port == 0 || !certificates) {
    spdlog::error("{} and {} do not say where the parent process is", child_port_variable,
                  child_certificates_variable);
    return 1;
  }
  child_config config{certificates};
  // What this process starts is no child of that parent.
  for (auto variable : {child_port_variable, child_certificates_variable, child_log_variable})
    ::unsetenv(variable);
  caf::actor_system system{config};
  auto door = caf::openssl::remote_actor<child_door_actor>(system, "127.0.0.1", port);
  if (!door) {
    spdlog::error("cannot connect to the parent process: {}", caf::to_string(door.error()));
    return 1;
  }
  auto status = child{system, std::move(*door), *types}.run();
  // Threads may be stuck in a backend, and nothing here is worth waiting for them: the kernel frees it all.
  spdlog::shutdown();
  std::_Exit(status);
}

} // namespace

std::optional<int> child_main(const std::shared_ptr<backend_types>& types) {
  if (!is_child()) return std::nullopt;
  if (auto level = std::getenv(child_log_variable)) spdlog::set_level(spdlog::level::from_str(level));
  spdlog::set_pattern("%H:%M:%S.%e %l [process %P] %v");
  on_actor_failure([](const char* actor, const std::string& what) {
    spdlog::critical("an actor of kind {} failed: {}", actor, what);
  });
  return run_child(types);
}

} // namespace vef
