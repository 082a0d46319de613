#pragma once

#include "network/numbered.hpp"

#include <vef/nodes/remote.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <caf/scoped_actor.hpp>

#include <atomic>
#include <map>
#include <thread>

namespace vef::test {

/// A program's connection to one node or several.
class client {
public:
  client(const std::vector<std::string>& nodes, const std::filesystem::path& tls)
      : client(or_throw(remote_host(addresses(nodes), {tls, tls.empty()}, std::chrono::seconds{30}))) {}

  runtime& operator*() { return runtime_; }
  runtime* operator->() { return &runtime_; }

  /// What the node that it is connected to knows of all.
  result<cluster_status> nodes() {
    return ask<cluster_status>(caf::actor_cast<cluster_actor>(host_->actors.registry), nodes_atom_v);
  }

  template <class T, class Handle, class... Ts> result<T> ask(const Handle& whom, Ts&&... message) {
    result<T> out = fail(errc::internal, "no answer");
    caf::scoped_actor self{*host_->system};
    self->request(whom, std::chrono::seconds{30}, std::forward<Ts>(message)...)
        .receive([&](T& x) { out = std::move(x); }, [&](caf::error& why) { out = fail(from_caf(why)); });
    return out;
  }

  cluster_actor front() const { return caf::actor_cast<cluster_actor>(host_->actors.registry); }

private:
  explicit client(runtime_host_ptr host)
      : host_(host.get())
      , runtime_(std::move(host)) {}

  static std::vector<node_address> addresses(const std::vector<std::string>& nodes) {
    std::vector<node_address> out;
    for (const auto& x : nodes) out.push_back(parse_address(x).value());
    return out;
  }

  runtime_host* host_; // the runtime's
  runtime runtime_;
};

/// A request for pictures with the numbers from `first` on.
inline embed_request request_for(std::uint32_t first, std::uint32_t pictures, std::uint32_t side = 2) {
  embed_request out;
  for (std::uint32_t i = 0; i < pictures; ++i) out.images.push_back(picture(first + i, side));
  out.time_allowed = std::chrono::seconds{20};
  return out;
}

/// Whether every picture of `request_for(first, ...)` that has no error has its own vector, in its place.
inline bool right(const embeddings& x, std::uint32_t first, std::uint32_t pictures) {
  if (x.size() != pictures) return false;
  for (std::uint32_t i = 0; i < pictures; ++i)
    if (x[i] && number_of(x[i].vector()) != first + i) return false;
  return true;
}

/// How the requests of a load ended.
struct outcomes {
  std::uint32_t requests = 0;
  std::uint32_t done = 0;                           ///< every picture has its vector
  std::uint32_t wrong = 0;                          ///< another picture's vector, or another number of them
  std::uint32_t late = 0;                           ///< two seconds after their time was up, or not at all
  std::map<std::string, std::uint32_t> errors = {}; ///< others, by the first error

  outcomes& operator+=(const outcomes& x) {
    requests += x.requests;
    done += x.done;
    wrong += x.wrong;
    late += x.late;
    for (const auto& [what, count] : x.errors) errors[what] += count;
    return *this;
  }

  /// Every request has ended once: with what it asked for or a reason.
  bool sound() const {
    auto ended = done;
    for (const auto& [what, count] : errors) ended += count;
    return wrong == 0 && late == 0 && ended == requests;
  }

  friend std::ostream& operator<<(std::ostream& out, const outcomes& x) {
    out << x.requests << " requests: " << x.done << " done, " << x.wrong << " wrong, " << x.late << " late";
    for (const auto& [what, count] : x.errors) out << "; " << count << " x " << what;
    return out;
  }
};

struct load_shape {
  std::uint32_t at_once = 6;  ///< requests under way
  std::uint32_t pictures = 8; ///< of each
  std::uint32_t first = 0;    ///< the number of the first picture of all
  std::chrono::milliseconds time_allowed{20'000};
  embed_request options = {};
};

/// Keeps requests under way until it is stopped, with new pictures in each.
class load {
public:
  load(client& by, load_shape shape)
      : by_(by)
      , shape_(std::move(shape))
      , next_(shape_.first)
      , ends_(shape_.at_once) {
    for (auto& end : ends_) threads_.emplace_back([this, &end] { work(end); });
  }

  ~load() { (void)stop(); }

  std::uint32_t done() const { return done_; }

  outcomes stop() {
    stopped_ = true;
    for (auto& x : threads_)
      if (x.joinable()) x.join();
    outcomes sum;
    for (const auto& x : ends_) sum += x;
    return sum;
  }

private:
  void work(outcomes& end) {
    while (!stopped_) {
      auto first = next_.fetch_add(shape_.pictures);
      auto request = shape_.options;
      request.images = request_for(first, shape_.pictures).images;
      request.time_allowed = shape_.time_allowed;
      ++end.requests;
      auto answer = by_->embed_async(std::move(request));
      if (answer.wait_for(shape_.time_allowed + std::chrono::seconds{2}) != std::future_status::ready) {
        ++end.late;
        continue;
      }
      note(answer.get(), first, end);
    }
  }

  void note(const embeddings& x, std::uint32_t first, outcomes& end) {
    if (!right(x, first, shape_.pictures)) {
      ++end.wrong;
    } else if (x.all_ok()) {
      ++end.done;
      ++done_;
    } else {
      for (const auto& row : x)
        if (!row) {
          ++end.errors[std::string{to_string(row.error().code)} + ": " + row.error().what];
          break;
        }
    }
  }

  client& by_;
  load_shape shape_;
  std::atomic<std::uint32_t> next_;
  std::atomic<std::uint32_t> done_ = 0;
  std::atomic<bool> stopped_ = false;
  std::vector<outcomes> ends_;
  std::vector<std::thread> threads_;
};

} // namespace vef::test
