#pragma once

#include <vef/messages/caf.hpp>

#include <functional>
#include <map>
#include <utility>

namespace vef {

/// Requests that are under way at an actor of another process. When the connection is lost nobody answers
/// them any more: then they fail here. For one actor's own thread; it must outlive the answers, as a member
/// of the actor's state does.
class open_requests {
public:
  /// Asks `whom` and gives the answer to `reply`.
  template <class Out, class Self, class Handle, class... In>
  void ask(Self* self, const Handle& whom, promise<Out> reply, In&&... message) {
    auto id = next_++;
    open_.emplace(id, [reply](const error& why) mutable { reply.fail(why); });
    auto failed = [this, id, reply](caf::error& why) mutable {
      open_.erase(id);
      reply.fail(std::move(why));
    };
    // The asker's deadline is the one that counts; a lost connection is told by whoever watches it.
    auto asked = self->request(whom, caf::infinite, std::forward<In>(message)...);
    if constexpr (std::is_void_v<Out>)
      asked.then(
          [this, id, reply]() mutable {
            open_.erase(id);
            reply.deliver();
          },
          failed);
    else
      asked.then(
          [this, id, reply](Out& x) mutable {
            open_.erase(id);
            reply.deliver(std::move(x));
          },
          failed);
  }

  void fail_all(const error& why) {
    for (auto& open : std::exchange(open_, {})) open.second(why);
  }

private:
  std::map<std::uint64_t, std::function<void(const error&)>> open_;
  std::uint64_t next_ = 1;
};

} // namespace vef
