#pragma once

#include <vef/actors/open_requests.hpp>
#include <vef/actors/relay.hpp>
#include <vef/messages/interfaces.hpp>

#include <caf/stateful_actor.hpp>

#include <functional>

namespace vef {

/// What tells a stand-in where the one that it stands for is now. Nowhere: with the reason.
template <class Actor>
using stand_in_actor = extended<Actor, void(connected_atom, Actor), void(lost_atom, error)>;

/// Stands for an actor of another node while connections come and go: hands on what is asked, and answers
/// `unavailable` while there is none and for all that is lost with one. Whoever holds it need not know where
/// the work is done.
template <class Actor> class stand_in {
public:
  using interface = stand_in_actor<Actor>;
  static inline const char* name = "vef.stand-in";

  explicit stand_in(typename interface::pointer self)
      : self_(self) {}

  /// `dies_with_it`: it stands for this one alone, and ends when that one does.
  typename interface::behavior_type make_behavior(Actor there, bool dies_with_it) {
    there_ = std::move(there);
    self_->set_down_handler([this, dies_with_it](caf::down_msg& msg) {
      if (!there_ || there_.address() != msg.source) return;
      lose(from_caf(msg.reason));
      if (dies_with_it) self_->quit(msg.reason);
    });
    if (there_) self_->monitor(there_);
    return relay_all<Actor>(
        this, [this](connected_atom, const Actor& x) { take(x); },
        [this](lost_atom, const error& why) { lose(why); });
  }

  template <class Out, class... In> caf::result<Out> pass(In&... message) {
    if (!there_) return to_caf(why_not_);
    promise<Out> reply{self_};
    open_.ask<Out>(self_, there_, reply, std::move(message)...);
    return reply;
  }

private:
  void take(const Actor& x) {
    lose({errc::unavailable, "the connection was made anew"});
    there_ = x;
    self_->monitor(there_);
  }

  void lose(const error& why) {
    if (there_) self_->demonitor(there_.address());
    there_ = nullptr;
    why_not_ = {errc::unavailable, "the connection to the node is lost: " + why.what};
    open_.fail_all(why_not_);
  }

  typename interface::pointer self_;
  Actor there_; // empty while there is no connection
  error why_not_{errc::unavailable, "there is no connection to the node yet"};
  open_requests open_;
};

} // namespace vef
