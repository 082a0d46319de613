#pragma once

#include <vef/messages/cluster.hpp>

namespace vef {

// A node tells others how it does: all of it at first, and then what has changed. Pure, and thread-safe as
// functions of their arguments.
//
// A whole report (builds_on 0) has its models in the order of their keys, each once. `apply` puts them in it.

/// What turns the whole report `from` into the whole report `to`: its health, queue and devices; its catalog
/// if that is another one; the models that are new or different, and the keys of those that are gone. All of
/// `to` if nothing can build on `from`: it is of another process, has the number 0, or is not the older one.
node_report difference(const node_report& from, const node_report& to);

/// Brings `base`, a whole report or none at all (node_report{}), up to date; it is whole afterwards. False,
/// and `base` as it was, where that can't be done: the change is of another node, of an older incarnation or
/// an older number, or builds on another report than `base`. Then the sender has to be asked for all.
bool apply(node_report& base, const node_report& change);

/// Whether two whole reports say the same, whatever their numbers: there is nothing to send.
bool same_state(const node_report& a, const node_report& b);

} // namespace vef
