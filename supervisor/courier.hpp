#pragma once

#include <vef/messages/interfaces.hpp>
#include <vef/supervisor/instance.hpp>
#include <vef/supervisor/runtime.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace vef {

/// Futures whose answers are under way, by ticket. Filled by callers, completed by the courier. Safe to share
/// between threads.
class open_futures {
public:
  using clock = std::chrono::steady_clock;

  std::pair<std::uint64_t, std::future<embeddings>> add(std::size_t images, clock::time_point deadline) {
    std::lock_guard lock{mutex_};
    auto ticket = next_++;
    auto& x = open_[ticket];
    x.images = images;
    x.deadline = deadline;
    return {ticket, x.promise.get_future()};
  }

  /// Fails those whose deadline has come.
  void expire(clock::time_point now) {
    std::lock_guard lock{mutex_};
    for (auto it = open_.begin(); it != open_.end();) {
      auto& x = it->second;
      if (x.deadline > now) {
        ++it;
        continue;
      }
      x.promise.set_value(embeddings{error{errc::deadline_exceeded, "the service did not answer"}, x.images});
      it = open_.erase(it);
    }
    if (open_.empty()) none_left_.notify_all();
  }

  void succeed(std::uint64_t ticket, embed_reply reply) {
    if (auto x = take(ticket)) x->promise.set_value(embeddings{std::move(reply)});
  }

  void fail(std::uint64_t ticket, error why) {
    if (auto x = take(ticket)) x->promise.set_value(embeddings{std::move(why), x->images});
  }

  /// Waits until every one has its answer, or for so long.
  void wait(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    none_left_.wait_for(lock, limit, [this] { return open_.empty(); });
  }

  void fail_all(const error& why) {
    std::lock_guard lock{mutex_};
    for (auto& [ticket, x] : open_) x.promise.set_value(embeddings{why, x.images});
    open_.clear();
  }

private:
  struct entry {
    std::promise<embeddings> promise;
    std::size_t images = 0;
    clock::time_point deadline;
  };

  std::optional<entry> take(std::uint64_t ticket) {
    std::lock_guard lock{mutex_};
    auto node = open_.extract(ticket);
    if (node.empty()) return std::nullopt;
    if (open_.empty()) none_left_.notify_all();
    return std::move(node.mapped());
  }

  std::mutex mutex_;
  std::condition_variable none_left_;
  std::unordered_map<std::uint64_t, entry> open_;
  std::uint64_t next_ = 1;
};

using courier_actor =
    actor_of<void(embed_atom, std::uint64_t, embed_request), void(expire_atom), void(find_atom)>;

/// Spawns the actor that carries requests of threads to the registry and their answers back. When the
/// registry has died it holds them until the supervisor has another.
courier_actor spawn_courier(caf::actor_system& system, instance actors,
                            std::shared_ptr<open_futures> futures);

} // namespace vef
