#include <vef/supervisor/isolation/isolated_service.hpp>
#include <vef/supervisor/isolation/orders.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

namespace vef {

namespace {

class processes final : public process_host {
public:
  processes(std::shared_ptr<run_certificates> made, process_options options)
      : made_(std::move(made))
      , options_(std::move(options)) {}

  service_actor spawn(caf::actor_system& system, isolated_setup setup) override {
    auto slot = std::make_shared<child_slot>();
    {
      std::lock_guard lock{mutex_};
      std::erase_if(slots_, [](const auto& x) { return x.expired(); });
      slots_.push_back(slot);
    }
    child_command command{options_.program, options_.arguments};
    command.environment[child_certificates_variable] = options_.certificates.string();
    auto level = spdlog::level::to_string_view(spdlog::get_level());
    command.environment[child_log_variable] = std::string{level.data(), level.size()};
    return spawn_isolated_service(
        system, {std::move(setup), std::move(command), options_.work, options_.patience, std::move(slot)});
  }

  std::uint64_t resident_bytes() const override {
    std::vector<std::shared_ptr<child_slot>> alive;
    {
      std::lock_guard lock{mutex_};
      for (const auto& x : slots_)
        if (auto here = x.lock()) alive.push_back(std::move(here));
    }
    std::uint64_t sum = 0;
    for (const auto& x : alive) sum += x->resident_bytes();
    return sum;
  }

private:
  std::shared_ptr<run_certificates> made_; // for this run, if they were; they go with it
  process_options options_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<child_slot>> slots_;
};

} // namespace

result<std::shared_ptr<process_host>> make_processes(caf::actor_system_config& config,
                                                     process_options options) {
  if (is_child())
    return fail(errc::invalid_config,
                "this process was started for a service of another one and did not call "
                "vef::child_main: call it first of all in main()");
  std::error_code problem;
  if (options.program.empty()) options.program = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem)
    return fail(errc::unavailable, "cannot find the program of this process: " + problem.message()
                                       + "; name one in process_options::program");
  std::shared_ptr<run_certificates> made;
  if (options.certificates.empty()) {
    auto certificates = run_certificates::make();
    if (!certificates) return fail(certificates.error());
    made = std::move(*certificates);
    options.certificates = made->folder();
    add_network(config, options.certificates);
  }
  return std::make_shared<processes>(std::move(made), std::move(options));
}

bool is_child() { return std::getenv(child_port_variable) != nullptr; }

} // namespace vef
