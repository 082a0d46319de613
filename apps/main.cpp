#include <vef/apps/command_line.hpp>
#include <vef/supervisor/runtime.hpp>

#include <csignal>
#include <memory>
#include <new>

namespace {

int run(int argc, char** argv, const std::shared_ptr<vef::console>& console) {
  vef::command_line line;
  if (auto over = vef::read_command_line(argc, argv, line, *console)) return static_cast<int>(*over);
  if (auto ok = vef::set_up_log(line.log, console); !ok) {
    vef::complain(*console, ok.error());
    return static_cast<int>(vef::exit_code::bad_arguments);
  }
  return static_cast<int>(line.command(line.common, *console));
}

} // namespace

int main(int argc, char** argv) {
  // A closed pipe and a limit on file sizes are errors of a write, which is told about like any other.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  auto console = std::make_shared<vef::console>();
  try {
    // This program is also what services run in that have a process of their own.
    if (auto over = vef::child_main(vef::builtin_backends())) return *over;
    return run(argc, argv, console);
  } catch (const vef::failure& e) {
    vef::complain(*console, e.error());
  } catch (const std::bad_alloc&) {
    vef::complain(*console, {vef::errc::out_of_memory, "there is no memory left"});
  } catch (const std::exception& e) {
    vef::complain(*console, {vef::errc::internal, e.what()});
  }
  return static_cast<int>(vef::exit_code::nothing_done);
}
