#pragma once

// All that is particular to CAF 0.17 about messages and interfaces: how an interface is spelled, how a struct
// is inspected, how errors cross the actor system, how a state class becomes an actor. A build against
// CAF 1.x changes this file.

#include <vef/messages/bytes.hpp>
#include <vef/messages/errors.hpp>
#include <vef/messages/reflect.hpp>

#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/meta/load_callback.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace vef {

// -- interfaces ---------------------------------------------------------------------------------------------

namespace detail {

template <class Signature> struct handler;

template <class Out, class... In> struct handler<Out(In...)> {
  using type = typename caf::replies_to<In...>::template with<Out>;
};

template <class... In> struct handler<void(In...)> { using type = caf::reacts_to<In...>; };

} // namespace detail

/// The handle of an actor that answers these messages: `actor_of<embed_reply(embed_atom, embed_request),
/// ...>`.
template <class... Signatures>
using actor_of = caf::typed_actor<typename detail::handler<Signatures>::type...>;

/// The same actor with further messages of its own.
template <class Actor, class... Signatures>
using extended = typename Actor::template extend<typename detail::handler<Signatures>::type...>;

// -- inspection ---------------------------------------------------------------------------------------------
//
// Most members travel as CAF has them. Those that it would copy slowly, wrongly or not at all have a wire
// type of their own; floating point above all: CAF 0.17 converts it digit by digit and loops for ever on an
// infinity.

template <class T> struct wire {
  using type = T;
  static T& pack(T& x) { return x; }
  static bool unpack(T& from, T& to) {
    to = std::move(from);
    return true;
  }
};

template <> struct wire<float> {
  using type = std::uint32_t;
  static type pack(float x) { return std::bit_cast<type>(x); }
  static bool unpack(type from, float& to) {
    to = std::bit_cast<float>(from);
    return true;
  }
};

template <> struct wire<double> {
  using type = std::uint64_t;
  static type pack(double x) { return std::bit_cast<type>(x); }
  static bool unpack(type from, double& to) {
    to = std::bit_cast<double>(from);
    return true;
  }
};

template <class T>
requires std::is_enum_v<T>
struct wire<T> {
  using type = std::underlying_type_t<T>;
  static type pack(T x) { return static_cast<type>(x); }
  static bool unpack(type from, T& to) {
    to = static_cast<T>(from);
    return true;
  }
};

template <class T, std::size_t N> struct wire<std::array<T, N>> {
  using type = std::vector<typename wire<T>::type>;
  static type pack(std::array<T, N>& xs) {
    type out;
    for (auto& x : xs) out.push_back(wire<T>::pack(x));
    return out;
  }
  static bool unpack(type& from, std::array<T, N>& to) {
    if (from.size() != N) return false;
    for (std::size_t i = 0; i < N; ++i)
      if (!wire<T>::unpack(from[i], to[i])) return false;
    return true;
  }
};

template <class T> struct wire<std::optional<T>> {
  using type = std::vector<typename wire<T>::type>; // none or one
  static type pack(std::optional<T>& x) {
    type out;
    if (x) out.push_back(wire<T>::pack(*x));
    return out;
  }
  static bool unpack(type& from, std::optional<T>& to) {
    to.reset();
    return from.empty() || (from.size() == 1 && wire<T>::unpack(from[0], to.emplace()));
  }
};

template <class Rep, class Period> struct wire<std::chrono::duration<Rep, Period>> {
  using type = std::int64_t;
  static type pack(std::chrono::duration<Rep, Period> x) { return static_cast<type>(x.count()); }
  static bool unpack(type from, std::chrono::duration<Rep, Period>& to) {
    to = std::chrono::duration<Rep, Period>{static_cast<Rep>(from)};
    return true;
  }
};

template <class Clock, class Duration> struct wire<std::chrono::time_point<Clock, Duration>> {
  using type = std::int64_t;
  static type pack(std::chrono::time_point<Clock, Duration> x) {
    return wire<Duration>::pack(x.time_since_epoch());
  }
  static bool unpack(type from, std::chrono::time_point<Clock, Duration>& to) {
    to = std::chrono::time_point<Clock, Duration>{Duration{from}};
    return true;
  }
};

template <> struct wire<shared_bytes> {
  using type = std::vector<std::uint8_t>;
  static type pack(const shared_bytes& x) { return {x.view().begin(), x.view().end()}; }
  static bool unpack(type& from, shared_bytes& to) {
    to = shared_bytes{std::move(from)};
    return true;
  }
};

template <> struct wire<matrix> {
  static_assert(std::endian::native == std::endian::little, "vectors travel as little-endian float32");
  using type = std::tuple<std::uint64_t, std::uint64_t, std::vector<std::uint8_t>>;
  static type pack(const matrix& x) {
    std::vector<std::uint8_t> raw(x.values().size_bytes());
    if (!raw.empty()) std::memcpy(raw.data(), x.values().data(), raw.size());
    return {x.rows(), x.dim(), std::move(raw)};
  }
  static bool unpack(type& from, matrix& to) {
    auto& [rows, dim, raw] = from;
    // Divided, not multiplied: a peer's numbers may overflow.
    auto count = raw.size() / sizeof(float);
    auto fits = raw.size() % sizeof(float) == 0
                && (rows == 0 || dim == 0 ? count == 0 : count % rows == 0 && count / rows == dim);
    if (!fits) return false;
    auto values = std::make_shared<std::vector<float>>(count);
    if (count > 0) std::memcpy(values->data(), raw.data(), raw.size());
    to = matrix{rows, dim, std::move(values)};
    return true;
  }
};

/// Inspects every message struct of ours, by its `fields()`.
template <class Inspector, reflected T> typename Inspector::result_type inspect(Inspector& f, T& x) {
  auto name = caf::meta::type_name(T::type_name.data());
  return std::apply(
      [&]<class... M>(field<T, M>... fields) {
        if constexpr (Inspector::reads_state) {
          // Serialisers take a mutable object and leave it alone; what `pack` returns by value lives in the
          // tuple.
          std::tuple<decltype(wire<M>::pack(x.*fields.member))...> packed{wire<M>::pack(x.*fields.member)...};
          return std::apply([&](auto&... values) { return f(name, values...); }, packed);
        } else {
          std::tuple<typename wire<M>::type...> packed;
          auto unpack = [&]() -> caf::error {
            auto good = std::apply(
                [&](auto&... values) { return (wire<M>::unpack(values, x.*fields.member) && ...); }, packed);
            return good ? caf::error{} : caf::make_error(caf::sec::invalid_argument);
          };
          return std::apply(
              [&](auto&... values) { return f(name, values..., caf::meta::load_callback(unpack)); }, packed);
        }
      },
      T::fields());
}

// -- errors -------------------------------------------------------------------------------------------------

/// An error of ours as one of CAF's: category "vef", with the text as its context.
caf::error to_caf(const error& x);

/// An error of CAF's as one of ours: a lost receiver becomes `unavailable`, a request without an answer in
/// time `deadline_exceeded`, what we do not know `internal` with CAF's words.
error from_caf(const caf::error& x);

/// What a handler returns for a result.
template <class T> caf::result<T> to_caf(result<T> x) {
  if (!x) return to_caf(x.error());
  if constexpr (std::is_void_v<T>)
    return caf::unit;
  else
    return std::move(*x);
}

/// The answer that an actor owes, to be given later. Whoever asked gets one on every path: a promise that is
/// dropped without an answer, because its actor died or lost it, says `unavailable`, which CAF 0.17 does not.
/// Copies are the same promise. For the actor's own thread.
template <class T> class promise {
public:
  promise() = default;

  /// To whoever sent the message that `self` is handling.
  template <class Self>
  explicit promise(Self* self)
      : state_(std::make_shared<state>(self->template make_response_promise<T>(), self->name())) {}

  bool pending() const { return state_ && state_->open.pending(); }

  /// Gives the answer. A second one is ignored.
  template <class U = T>
  requires(!std::is_void_v<U>) void deliver(U x) {
    if (pending()) state_->open.deliver(std::move(x));
  }
  void deliver() requires std::is_void_v<T> {
    if (pending()) static_cast<caf::response_promise&>(state_->open).deliver(caf::unit);
  }
  void fail(const error& why) { fail(to_caf(why)); }
  void fail(caf::error why) {
    if (pending()) state_->open.deliver(std::move(why));
  }

  /// What the handler returns.
  operator caf::result<T>() const { return state_->open; }

private:
  struct state {
    state(caf::typed_response_promise<T> x, const char* actor)
        : open(std::move(x))
        , owner(actor) {}
    ~state() {
      if (open.pending())
        open.deliver(to_caf(error{errc::unavailable, std::string{owner} + " ended before it answered"}));
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    caf::typed_response_promise<T> open;
    const char* owner; // a literal: the name of a state class
  };
  std::shared_ptr<state> state_;
};

// -- actors from state classes ------------------------------------------------------------------------------

/// Told of every exception that leaves a handler, of every error that ends an actor: its name and the words.
/// Set once by whoever owns the log, before actors run; by default nothing is told.
using actor_failure_listener = void (*)(const char* actor, const std::string& what);
void on_actor_failure(actor_failure_listener listener) noexcept;

namespace detail {

void report_actor_failure(const char* actor, const std::string& what);

template <class State, class... Args>
typename State::interface::behavior_type
run_state(typename State::interface::template stateful_pointer<State> self, Args... args) {
  // An exception in a handler is a bug: the actor dies for it, and whoever watches it starts another.
  self->set_exception_handler([](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
    std::string what = "an exception of unknown type";
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      what = e.what();
    } catch (...) {
    }
    report_actor_failure(State::name, what);
    return to_caf(error{errc::internal, std::string{State::name} + " failed: " + what});
  });
  return self->state.make_behavior(std::move(args)...);
}

} // namespace detail

/// Spawns an actor whose state is a class with
///
///     using interface = ...;                       // its actor_of<...>
///     static inline const char* name = "...";
///     explicit State(interface::pointer self);
///     interface::behavior_type make_behavior(args...);
template <class State, class Spawner, class... Args> auto spawn_state(Spawner& spawner, Args&&... args) {
  return spawner.spawn(detail::run_state<State, std::decay_t<Args>...>, std::forward<Args>(args)...);
}

} // namespace vef
