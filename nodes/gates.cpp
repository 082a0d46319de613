#include <vef/nodes/gates.hpp>

#include <vef/actors/relay.hpp>
#include <vef/actors/tell.hpp>

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t bytes_of_talk = 1024; // about what an answer other than vectors takes

/// Where a gate leads to. The front and the supervisor stay; governors come and go.
template <class Actor> struct fixed_target {
  Actor whom;
  template <class Self, class Then, class Otherwise> void with(Self*, Then then, Otherwise) { then(whom); }
};

struct current_governor {
  supervisor_actor root;
  template <class Self, class Then, class Otherwise> void with(Self* self, Then then, Otherwise otherwise) {
    self->request(root, 5s, find_atom_v)
        .then([then](node_actors& x) mutable { then(x.governor); },
              [otherwise](caf::error& why) mutable { otherwise(why); });
  }
};

/// Its own message: the files that a request names were looked up.
template <class Actor> using gate_self = extended<Actor, void(prepared_atom, std::uint64_t)>;

template <class Actor, class Target> class gate {
public:
  using interface = gate_self<Actor>;
  static inline const char* name = "vef.gate";
  static constexpr bool embeds = std::same_as<Actor, cluster_actor> || std::same_as<Actor, service_actor>;

  explicit gate(typename interface::pointer self)
      : self_(self) {}

  typename interface::behavior_type make_behavior(std::shared_ptr<session_books> books,
                                                  std::shared_ptr<executor> readers, Target target) {
    books_ = std::move(books);
    readers_ = std::move(readers);
    target_ = std::move(target);
    self_->set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
    self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
    if constexpr (std::same_as<Target, fixed_target<Actor>>) self_->monitor(target_.whom);
    return relay_all<Actor>(this, [this](prepared_atom, std::uint64_t id) { on_looked_up(id); });
  }

  template <class Out, class... In> caf::result<Out> pass(In&... message) {
    constexpr auto what = access_of<In...>();
    auto admitted = books_->admit(what, (0 + ... + bytes_to_keep(message)), self_->clock().now());
    if (!admitted) return refuse(admitted.error());
    if constexpr (what == access::never)
      return refuse({errc::not_allowed, "only the node's own actors do that"}); // `admit` has said so
    else if constexpr (what == access::embed)
      return embed(message...);
    else
      return hand_on<Out>(message...);
  }

private:
  template <class T> static std::uint64_t bytes_to_keep(const T&) { return 0; }
  static std::uint64_t bytes_to_keep(const embed_request& x) { return bytes_of(x); }

  caf::error refuse(const error& why) {
    spdlog::info("refused {}: {}", books_->whose(), why.what);
    return to_caf(why);
  }

  /// A request that names files, and which of them may not be read.
  struct lookup {
    embed_request request;
    promise<embed_reply> reply;
    std::vector<error> problems = {};
  };

  caf::result<embed_reply> embed(embed_atom, embed_request& request) {
    promise<embed_reply> reply{self_};
    auto names_files =
        std::ranges::any_of(request.images, [](const image& x) { return x.kind == image_kind::file; });
    if (names_files)
      look_up(std::move(request), reply);
    else
      embed(std::move(request), reply, {});
    return reply;
  }

  // A disk that hangs must not keep the node from its other work.
  void look_up(embed_request request, promise<embed_reply> reply) {
    auto id = next_lookup_++;
    auto x = std::make_shared<lookup>(lookup{std::move(request), reply});
    lookups_.emplace(id, x);
    auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
    auto job = [me, id, x, books = books_](unsigned) {
      x->problems = books->resolve_paths(x->request);
      tell<interface>(me, prepared_atom_v, id);
    };
    if (readers_->submit(std::move(job)) != 0) return;
    lookups_.erase(id);
    books_->answered(bytes_of_talk);
    reply.fail(error{errc::shutting_down, "no thread is left to read files with"});
  }

  void on_looked_up(std::uint64_t id) {
    auto done = lookups_.extract(id);
    if (done.empty()) return;
    auto& x = *done.mapped();
    if constexpr (embeds) embed(std::move(x.request), std::move(x.reply), std::move(x.problems));
  }

  void embed(embed_request request, promise<embed_reply> reply, std::vector<error> problems) {
    if (request.images.empty() && !problems.empty()) {
      embed_reply none;
      none.service = request.service;
      none.model = request.model;
      return finish<embed_reply>(reply, with_problems(std::move(none), problems));
    }
    auto deliver = [this, reply, problems = std::move(problems)](embed_reply& x) mutable {
      finish<embed_reply>(reply, problems.empty() ? std::move(x) : with_problems(std::move(x), problems));
    };
    ask<embed_reply>(std::move(deliver), reply, embed_atom_v, std::move(request));
  }

  template <class Out, class... In> caf::result<Out> hand_on(In&... message) {
    promise<Out> reply{self_};
    if constexpr (std::is_void_v<Out>)
      ask<Out>(
          [this, reply]() mutable {
            books_->answered(bytes_of_talk);
            reply.deliver();
          },
          reply, std::move(message)...);
    else
      ask<Out>([this, reply](Out& x) mutable { finish<Out>(reply, std::move(x)); }, reply,
               std::move(message)...);
    return reply;
  }

  template <class Out, class Deliver, class... In>
  void ask(Deliver deliver, promise<Out> reply, In... message) {
    auto failed = [this, reply](caf::error& why) mutable {
      books_->answered(bytes_of_talk);
      reply.fail(std::move(why));
    };
    // What is asked answers by its own deadline, and on its death: everything here is in one process.
    auto then = [this, deliver, failed, ... parts = std::move(message)](const auto& whom) mutable {
      self_->request(whom, caf::infinite, std::move(parts)...).then(deliver, failed);
    };
    target_.with(self_, std::move(then), failed);
  }

  template <class Out> void finish(promise<Out> reply, Out x) {
    if constexpr (std::same_as<Out, embed_reply>)
      books_->answered(bytes_of(x));
    else
      books_->answered(bytes_of_talk);
    if constexpr (std::same_as<Out, service_actor>)
      reply.deliver(gate_of(x));
    else
      reply.deliver(std::move(x));
  }

  // Whoever asks twice gets the same one.
  service_actor gate_of(const service_actor& x) {
    auto& there = services_[x.address()];
    if (!there) {
      self_->monitor(x);
      there = spawn_state<gate<service_actor, fixed_target<service_actor>>>(self_->system(), books_, readers_,
                                                                            fixed_target<service_actor>{x});
    }
    return there;
  }

  void on_down(const caf::down_msg& msg) {
    if (services_.erase(msg.source) == 0) self_->quit(msg.reason); // else its gate has ended with it
  }

  void end(const caf::error& reason) {
    for (auto& [service, its_gate] : services_)
      caf::anon_send_exit(its_gate, caf::exit_reason::user_shutdown);
    self_->quit(reason);
  }

  typename interface::pointer self_;
  std::shared_ptr<session_books> books_;
  std::shared_ptr<executor> readers_;
  Target target_;
  std::map<std::uint64_t, std::shared_ptr<lookup>> lookups_; // under way
  std::uint64_t next_lookup_ = 1;
  std::map<caf::actor_addr, service_actor> services_; // their gates
};

} // namespace

session_gates spawn_gates(caf::actor_system& system, std::shared_ptr<session_books> books,
                          std::shared_ptr<executor> readers, cluster_actor front,
                          supervisor_actor supervisor) {
  using front_gate = gate<cluster_actor, fixed_target<cluster_actor>>;
  using governor_gate = gate<governor_actor, current_governor>;
  using root_gate = gate<supervisor_actor, fixed_target<supervisor_actor>>;
  session_gates out;
  out.front = spawn_state<front_gate>(system, books, readers, fixed_target<cluster_actor>{front});
  out.governor = spawn_state<governor_gate>(system, books, readers, current_governor{supervisor});
  out.supervisor = spawn_state<root_gate>(system, books, readers, fixed_target<supervisor_actor>{supervisor});
  return out;
}

} // namespace vef
