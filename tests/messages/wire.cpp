#include "support/catch.hpp"

#include <vef/messages/interfaces.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include <limits>

using namespace vef;
using namespace std::chrono_literals;

namespace {

struct network {
  network()
      : system((add_message_types(config), config)) {}
  caf::actor_system_config config;
  caf::actor_system system;

  template <class T> std::vector<char> pack(T x) {
    std::vector<char> buffer;
    caf::binary_serializer out{system, buffer};
    REQUIRE_FALSE(out(x));
    return buffer;
  }

  /// What arrives at the other side; the message itself goes through CAF's table of types, so that one that
  /// is missing from it shows.
  template <class T> T cross(const T& x) {
    auto buffer = pack(caf::make_message(x));
    caf::message arrived;
    caf::binary_deserializer in{system, buffer};
    REQUIRE_FALSE(in(arrived));
    REQUIRE(arrived.match_elements<T>());
    return arrived.get_as<T>(0);
  }
};

template <class T> void round_trip(const T& x) {
  network net;
  CHECK(net.cross(x) == x);
  CHECK(net.cross(T{}) == T{});
}

matrix awkward_numbers() {
  using limits = std::numeric_limits<float>;
  return {2, 3,
          std::make_shared<std::vector<float>>(std::vector<float>{
              0.f, -0.f, limits::infinity(), -limits::infinity(), limits::denorm_min(), limits::max()})};
}

model_info full_model() {
  model_info x{.id = "m", .name = "Model"};
  x.description = "line\nbreak";
  x.embed_dim = 512;
  x.memory_estimate = std::numeric_limits<std::uint64_t>::max();
  x.performance_rating = rating::accurate;
  x.prepare.mean = {0.48145466f, -1e-30f, std::numeric_limits<float>::infinity()};
  x.prepare.scale = 1.0 / 3.0;
  x.tiers = {{tier::mapped, "host", 1}, {tier::device, "cuda:0", 2}};
  x.normalized = true;
  return x;
}

model_status full_model_status() {
  model_status x;
  x.service = "s";
  x.model = "m";
  x.state = model_state::draining;
  x.tier = tier::packed;
  x.loaded_at = timestamp{123456789ms};
  x.load_time = 77us;
  x.last_error = {errc::corrupt_image, "text"};
  x.health = {health::unhealthy, "stuck", timestamp{1ms}};
  x.oldest_queued = 3s;
  x.oldest_running = 2s;
  x.no_progress = 1s;
  return x;
}

service_status full_service_status() {
  service_status x;
  x.name = "s";
  x.state = service_state::failed;
  x.reason = {errc::unavailable, "gone"};
  x.catalog = {full_model(), {}};
  x.models = {full_model_status()};
  x.spec.name = "s";
  x.health = {health::degraded, "half", timestamp{5ms}};
  x.checked_at = timestamp{6ms};
  x.missed_checks = 2;
  x.restarts = 3;
  x.last_failure = {errc::missing_capability, "no cuda"};
  x.next_start = timestamp{7ms};
  x.needed_by = {"t"};
  x.pid = 4711;
  return x;
}

service_spec full_spec() {
  service_spec x{.name = "s", .backend = "b"};
  x.dependencies = {"a", ""};
  x.required_capabilities = {"cuda"};
  x.startup_priority = -7;
  x.auto_start = false;
  x.settings = {{"models", "/srv"}, {"", ""}};
  x.isolation = isolation::process;
  x.health = {.deadline = 1ms, .misses = 7, .stuck_after = 9s, .canary = true};
  x.restart = {.first_pause = 1ms,
               .longest_pause = 2ms,
               .most = 3,
               .window = 4ms,
               .with_dependencies = true,
               .warm = true};
  return x;
}

} // namespace

TEST_CASE("requests cross the network unharmed") {
  embed_request x{.service = "s", .model = "m"};
  x.images = {image{"/a/ü.png"}, image::encoded(shared_bytes{{0, 255, 7}}, "b"),
              image::rgb(shared_bytes{{1, 2, 3}}, 1, 1, "c"), image::encoded({}, "")};
  x.time_allowed = 1500ms;
  x.replay = replay::never;
  x.node = "n";
  x.labels = {"gpu", ""};
  x.priority = priority::high;
  round_trip(x);
  round_trip(unload_request{"s", "m", unload_mode::if_idle});
  round_trip(full_spec());
  round_trip(check_request{true, 7s});
  round_trip(check_report{.backend = {errc::unavailable, "ill"},
                          .canary = {errc::embed_failed, "zero"},
                          .oldest_queued = 1ms,
                          .oldest_running = 2ms,
                          .no_progress = 3ms,
                          .failed_models = 4,
                          .model = {errc::load_failed, "torn"}});
  x.keep_alive = keep_for_ever;
  round_trip(x);
  load_claim claim;
  claim.service = "s";
  claim.tier = tier::device;
  claim.ladder = {{tier::host, "host", 1, false}, {tier::device, "cuda:1", 1ull << 60}};
  claim.keep_alive = 0ms;
  claim.optional = true;
  round_trip(claim);
  round_trip(usage_record{{"s", "m"}, true, 1, 2, 3ms, {{8, 9}}});
  round_trip(load_result{{"s", "m"}, tier::mapped, {{{"host", 1}}, {{"cuda:1", 2}}}, 3us});
  round_trip(pressure_request{0.5});
  round_trip(idle_timeouts{1ms, keep_for_ever});
  round_trip(std::vector<device_reading>{{"host", 1, 2, 3, 0.25}});
}

TEST_CASE("replies cross the network unharmed") {
  embed_reply x;
  x.service = "s";
  x.vectors = awkward_numbers();
  x.outcomes = {error{}, error{errc::not_a_picture, "text"}};
  x.timing = {1us, 2us, 3us, 4us};
  round_trip(x);
  unload_report gone{"s",          "m",        {errc::in_use, "busy"}, 1,   2, 3us,
                     tier::device, tier::host, "not used for 600 s",   -0.5};
  gone.when = timestamp{5ms};
  round_trip(gone);
  round_trip(std::vector<unload_report>{gone, {}});
  round_trip(full_model_status());
  round_trip(full_service_status());
  round_trip(std::vector<service_status>{full_service_status()});
  round_trip(std::vector<catalog_entry>{{"s", full_model(), true}});
  round_trip(std::vector<backend_metadata>{{"n", "d", "1", "a", {"x", "y"}}});
  memory_status memory;
  memory.devices = {{"host",
                     1,
                     2,
                     3,
                     4,
                     5,
                     {"host", 6, 7, 8, 0.9},
                     pressure::high,
                     {{{"s", "m"}, tier::host, 1, 2, 3, true, true}}}};
  memory.policy = "lru";
  memory.usage = {{{"s", "m"}, 1, 2, 3, 4, {}, {}, 5ms, 6us, {{tier::host, "host", 7}}, {{1, 2}}, -0.25}};
  memory.recent = {gone};
  round_trip(memory);
  round_trip(load_plan{{errc::over_budget, "no"},
                       {{"host", 1}},
                       true,
                       {{{"s", "m"}, tier::host, tier::absent, {{"host", 2}}, 0.5, "why"}}});
  round_trip(load_grant{{{{"host", 1}}, {}}, {{1, 2}}, true});
  node_status node;
  node.version = "1";
  node.services = {full_service_status()};
  node.memory = memory;
  round_trip(node);
  round_trip(registry_event{full_service_status()});
}

TEST_CASE("what nodes tell of themselves crosses the network unharmed") {
  round_trip(peer_version{7, "1.2.3"});
  node_facts facts{.name = "a", .address = "a:7400", .incarnation = 1ull << 60, .version = "1"};
  facts.labels = {"gpu", ""};
  facts.shared_folders = {"/srv"};
  facts.read_only = true;
  facts.most_bytes = 5;
  round_trip(std::vector<node_facts>{facts, {}});
  node_report report{.node = "a", .incarnation = 2, .number = 9, .builds_on = 8};
  report.health = {health::degraded, "slow", {}};
  report.queued = 3;
  report.devices = {{"host", 1, 2, 3}};
  report.has_catalog = true;
  report.catalog = {{"s", full_model(), true}};
  report.models = {{{"s", "m"}, model_state::moving, tier::packed, {{"host", 4}}, 5, 6us, true}};
  report.gone = {{"s", "n"}};
  round_trip(report);
  round_trip(place_request{"s", "m", "n", {"gpu"}, {"b"}, true});
  round_trip(place_reply{"n", "s", true, "it has room"});
  cluster_status all;
  all.nodes = {{facts, link_state::ejected, {errc::unreachable, "gone"}, report, {}, 7us, 8, 9}};
  round_trip(all);
}

TEST_CASE("not a number and minus zero keep their bits on the network") {
  embed_reply x;
  auto values = std::vector<float>{std::numeric_limits<float>::quiet_NaN(), -0.f};
  x.vectors = matrix{1, 2, std::make_shared<std::vector<float>>(values)};
  auto y = network{}.cross(x);
  REQUIRE(y.vectors.values().size() == 2);
  CHECK(std::memcmp(y.vectors.values().data(), values.data(), sizeof(float) * 2) == 0);
}

TEST_CASE("a matrix whose block does not fit its size is refused") {
  std::vector<std::uint8_t> raw(12);
  auto unpacks = [&](std::uint64_t rows, std::uint64_t dim, std::size_t bytes) {
    wire<matrix>::type packed{rows, dim, std::vector<std::uint8_t>(bytes)};
    matrix x;
    return wire<matrix>::unpack(packed, x);
  };
  CHECK(unpacks(1, 3, 12));
  CHECK(unpacks(5, 0, 0));
  CHECK_FALSE(unpacks(2, 3, 12));
  CHECK_FALSE(unpacks(1, 3, 13));
  CHECK_FALSE(unpacks(0, 3, 12));
  CHECK_FALSE(unpacks(1ull << 63, 1ull << 63, 12));
}

TEST_CASE("a truncated message is an error and no message") {
  network net;
  auto buffer = net.pack(full_spec());
  for (std::size_t keep = 0; keep < buffer.size(); keep += 3) {
    std::vector<char> part{buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(keep)};
    caf::binary_deserializer in{net.system, part};
    service_spec x;
    CHECK(in(x));
  }
}

TEST_CASE("errors keep their code and words through CAF") {
  error x{errc::over_budget, "needs 2 GiB"};
  CHECK(from_caf(to_caf(x)) == x);
  CHECK(from_caf(network{}.cross(to_caf(x))) == x);
  CHECK_FALSE(from_caf(to_caf({})));
}

TEST_CASE("errors of CAF become errors of ours") {
  CHECK(from_caf(caf::make_error(caf::sec::request_timeout)).code == errc::deadline_exceeded);
  CHECK(from_caf(caf::make_error(caf::sec::request_receiver_down)).code == errc::unavailable);
  CHECK(from_caf(caf::make_error(caf::exit_reason::kill)).code == errc::unavailable);
  CHECK(from_caf(caf::make_error(caf::sec::unexpected_message)).code == errc::internal);
}
