#include <vef/nodes/cluster_machine.hpp>

#include <vef/actors/gather.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/nodes/self_report.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto unload_limit = 10min;
constexpr auto find_limit = 10s;

} // namespace

error cluster_machine::no_such_node(const std::string& node) {
  std::vector<std::string> names;
  for (const auto* x : view_.nodes()) names.push_back(x->facts.name);
  auto known = view_.find(node);
  if (!known) return {errc::invalid_argument, unknown("node", node, names)};
  return {errc::unreachable, "node " + vef::quoted(node) + " can't be reached now: " + known->problem.what};
}

// -- loading ----------------------------------------------------------------------------------------------------

// Where it is in memory it is loaded; else it is loaded where it is best placed.
caf::result<model_status> cluster_machine::on(load_atom op, const std::string& service,
                                              const std::string& model) {
  if (is_client()) return ask_home<model_status>(op, service, model);
  auto which = resolve(service, model);
  if (!which) return to_caf(which.error());
  place_request wish{.service = which->service, .model = which->model};
  for (const auto& x : candidates(wish))
    if (x.offers && x.usable && x.ready) return on(op, x.node, x.service, which->model);
  promise<model_status> reply{self_};
  ask_owner(
      wish,
      [this, reply, model = which->model](const place_reply& x) { load_at(reply, x.node, x.service, model); },
      [reply](const error& why) mutable { reply.fail(why); });
  return reply;
}

caf::result<model_status> cluster_machine::on(load_atom op, const std::string& node,
                                              const std::string& service, const std::string& model) {
  if (is_client()) return ask_home<model_status>(op, node, service, model);
  promise<model_status> reply{self_};
  load_at(reply, node, service, model);
  return reply;
}

void cluster_machine::load_at(promise<model_status> reply, const std::string& node,
                              const std::string& service, const std::string& model) {
  if (node == setup_.who.name)
    ask_local<model_status>(reply, load_atom_v, service, model);
  else if (auto there = peer_named(node))
    there->open.ask<model_status>(self_, there->there.front, reply, load_atom_v, node, service, model);
  else
    reply.fail(no_such_node(node));
}

// Every node that offers it is asked, and answers with what was in its memory.
caf::result<std::vector<unload_report>> cluster_machine::on(unload_atom op, const unload_request& x) {
  if (is_client()) return ask_home<std::vector<unload_report>>(op, x);
  std::vector<std::string> names;
  for (const auto* node : view_.nodes()) {
    auto offers = x.model.empty() && x.service.empty();
    for (const auto& entry : node->report.catalog)
      offers = offers
               || ((x.model.empty() || entry.model.id == x.model)
                   && (x.service.empty() || entry.service == x.service));
    if (offers && is_connected(*node)) names.push_back(node->facts.name);
  }
  if (names.empty()) {
    auto which = resolve(x.service, x.model);
    return to_caf(which ? error{errc::unavailable, "no node that offers it can be reached"} : which.error());
  }
  promise<std::vector<unload_report>> reply{self_};
  auto all = std::make_shared<gathering<unload_report>>(reply, names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    self_->request(cluster_inner_actor{self_}, unload_limit, op, names[i], x)
        .then([all, i](std::vector<unload_report>& done) { all->put(i, std::move(done)); },
              [all, i, x](caf::error& why) {
                all->put(i, {{.service = x.service, .model = x.model, .outcome = from_caf(why)}});
              });
  return reply;
}

caf::result<std::vector<unload_report>> cluster_machine::on(unload_atom op, const std::string& node,
                                                            const unload_request& x) {
  using reports = std::vector<unload_report>;
  if (is_client()) return ask_home<reports>(op, node, x);
  promise<reports> reply{self_};
  if (node == setup_.who.name)
    ask_local<reports>(reply, op, x);
  else if (auto there = peer_named(node))
    there->open.ask<reports>(self_, there->there.front, reply, op, node, x);
  else
    reply.fail(no_such_node(node));
  return reply;
}

// -- listing ----------------------------------------------------------------------------------------------------

caf::result<std::vector<catalog_entry>> cluster_machine::on(models_atom op) {
  if (is_client()) return ask_home<std::vector<catalog_entry>>(op);
  auto mine = view_.find(setup_.who.name);
  return view_.models(mine ? mine->report.catalog : std::vector<catalog_entry>{});
}

// One of this node's, or else of another one that has such a service.
caf::result<service_actor> cluster_machine::on(find_atom op, const std::string& service) {
  promise<service_actor> reply{self_};
  if (is_client()) {
    auto there = home();
    there ? find_at(reply, *there, service)
          : reply.fail(error{errc::unavailable, "there is no connection to a node"});
    return reply;
  }
  if (!local_) return to_caf(error{errc::unavailable, "the registry of this node is being made anew"});
  self_->request(local_, caf::infinite, op, service)
      .then([reply](const service_actor& x) mutable { reply.deliver(x); },
            [this, reply, service](caf::error& why) mutable {
              auto elsewhere = from_caf(why).code == errc::unknown_service ? node_with(service) : nullptr;
              elsewhere ? find_at(reply, *elsewhere, service) : reply.fail(std::move(why));
            });
  return reply;
}

cluster_machine::peer* cluster_machine::node_with(const std::string& service) {
  for (const auto* x : view_.nodes())
    if (auto there = peer_named(x->facts.name))
      if (std::ranges::count(x->report.catalog, service, &catalog_entry::service) > 0) return there;
  return nullptr;
}

// A handle that fails what is asked of it when the connection is lost, as remote ones do not.
void cluster_machine::find_at(promise<service_actor> reply, peer& there, const std::string& service) {
  self_->request(there.there.front, find_limit, find_atom_v, service)
      .then(
          [this, reply](const service_actor& x) mutable {
            reply.deliver(service_actor{spawn_state<stand_in<service_actor>>(self_->system(), x, true)});
          },
          [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
}

caf::result<cluster_status> cluster_machine::on(nodes_atom op) {
  if (is_client()) return ask_home<cluster_status>(op);
  cluster_status out;
  auto now = self_->clock().now();
  for (const auto* x : view_.nodes()) {
    auto here = x->facts.name == setup_.who.name;
    auto at = out.nodes.insert(here ? out.nodes.begin() : out.nodes.end(), *x);
    if (at->link == link_state::up && outliers_.ejected(x->facts.name, now)) at->link = link_state::ejected;
  }
  return out;
}

// -- services and placement -------------------------------------------------------------------------------------

caf::result<service_status> cluster_machine::on(create_atom op, const std::string& node,
                                                const service_spec& spec) {
  if (is_client()) return ask_home<service_status>(op, node, spec);
  promise<service_status> reply{self_};
  if (node == setup_.who.name)
    self_->request(setup_.supervisor, caf::infinite, op, spec)
        .then([reply](service_status& x) mutable { reply.deliver(std::move(x)); },
              [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
  else if (auto there = peer_named(node))
    there->open.ask<service_status>(self_, there->there.supervisor, reply, op, spec);
  else
    reply.fail(no_such_node(node));
  return reply;
}

caf::result<place_reply> cluster_machine::on(place_atom op, const place_request& x) {
  if (is_client()) return ask_home<place_reply>(op, x);
  return to_caf(decide(x));
}

} // namespace vef
