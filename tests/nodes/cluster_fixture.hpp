#pragma once

#include "support/actor_fixture.hpp"

#include <vef/nodes/cluster.hpp>
#include <vef/nodes/door.hpp>
#include <vef/supervisor/instance.hpp>

namespace vef::test {

/// A node of a cluster, without a network.
struct still_node {
  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  node_facts facts;
  node_options options;
  instance served;
  closed_door_actor door;
  cluster_inner_actor front;
};

/// Several nodes in one system that stands still. They meet by their doors, where real ones connect by their
/// addresses first; nobody runs what would look those up.
class cluster_fixture : public still_system {
public:
  still_node& add(const std::string& name, std::vector<model_info> catalog,
                  std::function<void(still_node&, instance_options&)> change = {}) {
    auto& x = nodes_.emplace_back();
    x.control->catalog = std::move(catalog);
    x.facts = {.name = name, .address = name + ":7400"};
    x.facts.incarnation = nodes_.size();
    instance_options options;
    options.monitor.interval = std::chrono::milliseconds{0};
    options.memory = actor_fixture::at_once();
    options.services = {{.name = "fake"}};
    (void)options.types->add("fake", {}, [control = x.control](const backend_settings&) {
      return result<std::unique_ptr<backend>>{std::make_unique<fake_backend>(control)};
    });
    if (change) change(x, options);
    x.served = ending_root(vef::spawn(system(), std::move(options), work).value());
    x.door = ending(spawn_door(system(), x.options.peers, preparing()));
    x.front = ending(spawn_cluster(system(), {.who = x.facts,
                                              .options = x.options,
                                              .supervisor = x.served.supervisor,
                                              .background = nobody_,
                                              .readers = preparing(),
                                              .seed = 7}));
    caf::anon_send(x.door, start_atom_v, x.facts, x.front, x.served.supervisor);
    caf::anon_send(x.front, start_atom_v, caf::actor_cast<door_actor>(x.door));
    settle();
    return x;
  }

  /// A client's front.
  cluster_inner_actor add_client() {
    auto front = ending(
        spawn_cluster(system(), {.options = {}, .background = nobody_, .readers = preparing(), .seed = 7}));
    caf::anon_send(front, start_atom_v, door_actor{});
    settle();
    return front;
  }

  /// As if the second one had connected to the first.
  void connect(const cluster_inner_actor& from, const still_node& to) {
    caf::anon_send(from, connected_atom_v, to.facts, caf::actor_cast<door_actor>(to.door));
    settle();
  }

  void connect(const still_node& a, const still_node& b) {
    connect(a.front, b);
    pass(std::chrono::seconds{2});
  }

  /// A node dies: nobody of it answers any more.
  void kill(const still_node& x) {
    caf::anon_send_exit(x.door, caf::exit_reason::kill);
    caf::anon_send_exit(x.front, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(x.served.supervisor, caf::exit_reason::user_shutdown);
    act();
  }

  static embed_request request(std::size_t pictures, std::string model = "a") {
    embed_request x{.model = std::move(model)};
    for (std::size_t i = 0; i < pictures; ++i)
      x.images.push_back(plain(static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i / 256), 0));
    return x;
  }

  /// Whether every picture of `request` has its own vector, in its place.
  static bool complete(const embed_reply& x, std::size_t pictures) {
    if (x.outcomes.size() != pictures || x.vectors.rows() != pictures) return false;
    for (std::size_t i = 0; i < pictures; ++i)
      if (x.outcomes[i] || x.vectors.row(i)[0] != static_cast<float>(i % 256)
          || x.vectors.row(i)[1] != static_cast<float>(i / 256))
        return false;
    return true;
  }

  result<embed_reply> embed(const cluster_inner_actor& front, embed_request x) {
    return ask<embed_reply>(front, embed_atom_v, std::move(x));
  }

  /// Loads model "a" at each of these nodes, and lets the others know.
  void warm_up(std::initializer_list<std::reference_wrapper<const still_node>> where) {
    for (const still_node& x : where) {
      auto one = request(1);
      one.node = x.facts.name;
      REQUIRE(embed(x.front, one));
    }
    pass(std::chrono::seconds{1});
  }

  node_view view(const still_node& at, const std::string& of) {
    auto all = look<cluster_status>(at.front, nodes_atom_v).value();
    for (auto& x : all.nodes)
      if (x.facts.name == of) return x;
    return {};
  }

private:
  std::shared_ptr<executor> preparing() { return work.preparers; }

  instance ending_root(instance x) {
    ending(x.supervisor);
    return x;
  }

  std::deque<still_node> nodes_;
  std::shared_ptr<manual_executor> nobody_ = std::make_shared<manual_executor>(1);
};

} // namespace vef::test
