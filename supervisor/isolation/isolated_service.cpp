#include <vef/supervisor/isolation/isolated_service.hpp>

#include <vef/actors/open_requests.hpp>
#include <vef/actors/tell.hpp>
#include <vef/supervisor/isolation/orders.hpp>

#include <caf/openssl/manager.hpp>
#include <caf/stateful_actor.hpp>
#include <spdlog/spdlog.h>

namespace vef {

namespace {

using std::chrono::milliseconds;

// Its own messages: what the child says; the process has started, or could not; it has ended, which is said
// in words; nobody said how it ended.
using isolated_self = extended<service_actor, child_orders(hello_atom), bool(hello_atom, child_news),
                               void(made_atom), void(exited_atom, std::string), void(expire_atom)>;

/// Answers for a service in another process: hands on what is asked, and dies when the process does.
class isolated_service {
public:
  using interface = isolated_self;
  static inline const char* name = "vef.isolated-service";

  explicit isolated_service(interface::pointer self)
      : self_(self) {}
  ~isolated_service() { close(milliseconds{0}); }

  interface::behavior_type make_behavior(isolated_service_setup setup) {
    setup_ = std::move(setup);
    self_->set_exit_handler([this](caf::exit_msg& msg) { stop(msg.reason); });
    self_->set_down_handler([this](caf::down_msg& msg) { on_lost(msg.reason); });
    open_door();
    return {
        [this](embed_atom op, embed_request& x) { return hand_on<embed_reply>(op, std::move(x)); },
        [this](load_atom op, const std::string& id) { return hand_on<model_status>(op, id); },
        [this](unload_atom op, const std::string& id, unload_mode mode) {
          return hand_on<std::vector<unload_report>>(op, id, mode);
        },
        [this](plan_atom op, const std::string& id) { return hand_on<load_plan>(op, id); },
        [this](pin_atom op, const std::string& id, bool pinned) { return pin(op, id, pinned); },
        [this](models_atom op) { return hand_on<std::vector<catalog_entry>>(op); },
        [this](status_atom) { return status(); },
        [this](check_atom op, const check_request& x) { return hand_on<check_report>(op, x); },
        [this](put_atom op, const caf::strong_actor_ptr& governor) {
          setup_.service.governor = caf::actor_cast<governor_actor>(governor);
          if (there_) self_->send(there_, op, governor);
        },
        [](event_atom, const model_status&) {}, // the child's models tell the listener themselves
        [this](drain_atom op, milliseconds limit) { return drain(op, limit); },
        [this](hello_atom) { return orders(); },
        [this](hello_atom, child_news& news) { return on_news(news); },
        [this](made_atom) { on_started(); },
        [this](exited_atom, const std::string& how) { on_exited(how); },
        [this](expire_atom) { on_exited("does not say how it ended"); },
    };
  }

private:
  // -- the process ------------------------------------------------------------------------------------------

  void open_door() {
    auto door = caf::actor_cast<child_door_actor>(self_);
    auto offered = self_->system().message_types(caf::detail::type_list<child_door_actor>{});
    self_
        ->request(self_->system().openssl_manager().actor_handle(), door_timeout, caf::publish_atom_v,
                  std::uint16_t{0}, caf::actor_cast<caf::strong_actor_ptr>(door), std::move(offered),
                  std::string{"127.0.0.1"}, true)
        .then(
            [this](std::uint16_t port) { start(port); },
            [this](caf::error& why) {
              end({errc::unavailable, "no port for the process of " + whose() + ": " + caf::to_string(why)});
            });
  }

  void start(std::uint16_t port) {
    port_ = port;
    auto command = setup_.command;
    command.environment[child_port_variable] = std::to_string(port);
    auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
    auto ended = [me](const child_end& how) { tell<interface>(me, exited_atom_v, how.text()); };
    setup_.service.loaders->submit([slot = setup_.slot, command, ended, me, whose = whose()](unsigned) {
      if (auto started = slot->open(command, ended); started)
        tell<interface>(me, made_atom_v);
      else
        tell<interface>(me, exited_atom_v, "could not be started: " + started.error().what);
    });
  }

  void on_started() { spdlog::info("{} has process {}", whose(), setup_.slot->pid()); }

  child_orders orders() const {
    const auto& x = setup_.service;
    auto spec = x.spec;
    spec.isolation = isolation::none; // there it is at home
    return {std::move(spec), x.governor, x.listener, x.models, x.idle, setup_.work};
  }

  bool on_news(child_news& news) {
    close_door();
    if (news.problem) {
      end(news.problem);
      return false;
    }
    there_ = std::move(news.service);
    self_->monitor(there_);
    for (auto& reply : std::exchange(waiting_, {})) ask_status(std::move(reply));
    return true;
  }

  void close_door() {
    if (port_ > 0)
      self_->send(self_->system().openssl_manager().actor_handle(), caf::close_atom_v,
                  std::exchange(port_, std::uint16_t{0}));
  }

  // The connection is gone: the process has ended or will be made to. How it ended is said in a moment.
  void on_lost(const caf::error& reason) {
    spdlog::info("the connection to {} is lost: {}", whose(), caf::to_string(reason));
    there_ = nullptr;
    setup_.slot->kill();
    self_->delayed_send(self_, last_words_timeout, expire_atom_v);
  }

  void on_exited(const std::string& how) {
    if (ending_) return;
    end({errc::unavailable, "the process of " + whose() + ' ' + how});
  }

  void end(const error& why) {
    if (std::exchange(ending_, true)) return;
    for (auto& reply : std::exchange(waiting_, {})) reply.fail(why);
    open_.fail_all(why);
    close(milliseconds{0});
    self_->quit(to_caf(why));
  }

  void stop(const caf::error& reason) {
    ending_ = true;
    error why{errc::shutting_down, whose() + " is being stopped"};
    for (auto& reply : std::exchange(waiting_, {})) reply.fail(why);
    open_.fail_all(why);
    if (there_)
      caf::anon_send_exit(there_, caf::exit_reason::user_shutdown); // the child ends with its service
    close(there_ ? setup_.patience : milliseconds{0});
    self_->quit(reason);
  }

  // Waiting for a process is no work for a scheduler thread.
  void close(milliseconds patience) {
    close_door();
    if (auto slot = std::exchange(setup_.slot, nullptr))
      setup_.service.loaders->submit([slot, patience](unsigned) { slot->close(patience); });
  }

  // -- requests ---------------------------------------------------------------------------------------------

  // A lost connection answers nothing: what is open is kept, and fails when the process has gone.
  template <class T, class... Ts> caf::result<T> hand_on(Ts... message) {
    if (!there_) return to_caf(not_there());
    promise<T> reply{self_};
    open_.ask<T>(self_, there_, reply, std::move(message)...);
    return reply;
  }

  caf::result<void> pin(pin_atom op, const std::string& id, bool pinned) {
    if (!there_) return to_caf(not_there());
    promise<void> reply{self_};
    self_->request(there_, status_timeout, op, id, pinned)
        .then([reply]() mutable { reply.deliver(); },
              [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
    return reply;
  }

  // Before the process is there, whoever asks for the status waits for it.
  caf::result<service_status> status() {
    promise<service_status> reply{self_};
    if (there_)
      ask_status(reply);
    else if (ending_)
      reply.fail(not_there());
    else
      waiting_.push_back(reply);
    return reply;
  }

  void ask_status(promise<service_status> reply) {
    self_->request(there_, status_timeout, status_atom_v)
        .then(
            [reply, pid = setup_.slot->pid()](service_status& x) mutable {
              x.pid = pid;
              reply.deliver(std::move(x));
            },
            [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
  }

  caf::result<std::vector<unload_report>> drain(drain_atom op, milliseconds limit) {
    if (!there_) return std::vector<unload_report>{};
    return hand_on<std::vector<unload_report>>(op, limit);
  }

  std::string whose() const { return "service " + vef::quoted(setup_.service.spec.name); }
  error not_there() const { return {errc::unavailable, "the process of " + whose() + " is not there"}; }

  static constexpr milliseconds door_timeout{5000};
  static constexpr milliseconds status_timeout{5000};
  static constexpr milliseconds last_words_timeout{2000};

  interface::pointer self_;
  isolated_service_setup setup_;
  service_actor there_; // in the child; empty before it is ready and after it is lost
  std::uint16_t port_ = 0;
  bool ending_ = false;
  std::vector<promise<service_status>> waiting_;
  open_requests open_;
};

} // namespace

service_actor spawn_isolated_service(caf::actor_system& system, isolated_service_setup setup) {
  return spawn_state<isolated_service>(system, std::move(setup));
}

} // namespace vef
