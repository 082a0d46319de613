#include <vef/supervisor/runtime_host.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

namespace vef {

namespace {

using namespace std::chrono_literals;

std::optional<process_options> processes_for(const runtime_options& x) {
  auto needed = std::ranges::any_of(x.services,
                                    [](const service_spec& s) { return s.isolation == isolation::process; });
  auto out = x.processes || !needed ? x.processes : process_options{};
  if (out) out->work = x.work;
  return out;
}

} // namespace

runtime_host::config_type::config_type() {
  vef::add_message_types(*this);
  // The scheduler only passes messages on. One thread does: a second would be woken for every other message,
  // which takes longer than the message. "sharing" costs nothing while idle.
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", std::size_t{1});
}

void end_host::operator()(runtime_host* x) const noexcept { delete x; }

runtime_host::runtime_host() = default;
runtime_host::~runtime_host() { end(); }

void runtime_host::end() noexcept {
  if (!system || !actors.supervisor) return; // it never ran
  {
    caf::scoped_actor self{*system};
    self->request(actors.supervisor, shutdown_limit + 5s, shutdown_atom_v, shutdown_limit)
        .receive([] {},
                 [](caf::error& why) {
                   spdlog::warn("the shutdown did not end cleanly: {}", from_caf(why).what);
                 });
  }
  actors = {};
  for (auto end = std::chrono::steady_clock::now() + 5s; system->registry().running() > 0;) {
    if (std::chrono::steady_clock::now() > end) {
      spdlog::error("{} actors did not end; the actor system is left behind", system->registry().running());
      (void)system.release(); // waiting for them could last for ever
      return;
    }
    std::this_thread::sleep_for(1ms);
  }
}

result<void> add_processes(runtime_host& to, const runtime_options& options) {
  auto wanted = processes_for(options);
  if (!wanted) return {};
  auto made = make_processes(to.config, std::move(*wanted));
  if (!made) return fail(made.error());
  to.processes = std::move(*made);
  return {};
}

result<void> start(runtime_host& host, runtime_options options) {
  host.backends = options.backends;
  host.shutdown_limit = options.shutdown_limit;
  host.system = std::make_unique<caf::actor_system>(host.config);
  instance_options x;
  x.types = options.backends;
  x.services = std::move(options.services);
  x.work = options.work;
  x.memory = std::move(options.memory);
  if (options.memory_budget > 0) x.memory.capacity["host"] = options.memory_budget;
  x.monitor = options.monitor;
  x.idle = options.idle;
  x.supervision = options.supervision;
  x.processes = host.processes;
  auto made = spawn(*host.system, std::move(x));
  if (!made) return fail(made.error());
  host.actors = std::move(*made);
  return {};
}

} // namespace vef
