#include "support/catch.hpp"

#include <vef/apps/nodes_command.hpp>
#include <vef/apps/text.hpp>

#include <sstream>

using namespace vef;

namespace {

node_view busy_node() {
  node_view x;
  x.facts = {
      .name = "gpu1.example.org:7400", .address = "gpu1.example.org:7400", .labels = {"gpu", "rack-7"}};
  x.link = link_state::up;
  x.report.number = 4;
  x.report.health.state = health::healthy;
  x.report.queued = 12345;
  x.report.devices = {{.capacity = 16ull << 30, .room = 4ull << 30, .idle = 1ull << 30},
                      {.device = "cuda:0", .capacity = 80ull << 30, .room = 90ull << 30}};
  x.report.models = {{.who = {"torch", "clip"}, .tier = tier::device}, {.who = {"torch", "gone"}}};
  x.image_time = std::chrono::microseconds{1500};
  x.requests = 98765;
  x.failures = 3;
  return x;
}

} // namespace

TEST_CASE("a node is shown with its work and its memory") {
  auto text = nodes_text({{busy_node()}});
  for (auto word : {"gpu1.example.org:7400", "up", "healthy", "gpu, rack-7", "12,345", "1.5", "98,765",
                    "torch/clip", "16.0 GiB", "12.0 GiB", "cuda:0"})
    CHECK(text.find(word) != text.npos);
  CHECK(text.find("torch/gone") == text.npos);
}

TEST_CASE("a node that was never heard is shown with the reason and without a health") {
  node_view x;
  x.facts = {.name = "b"};
  x.problem = {errc::unreachable, "nobody answers\nthere"};
  auto text = nodes_text({{x}});
  CHECK(text.find("b              connecting  -               nobody answers\\nthere\n") != text.npos);
  CHECK(text.find("Memory") == text.npos);
}

TEST_CASE("nodes with long names fit the page") {
  auto x = busy_node();
  x.facts.name = std::string(80, 'n');
  x.facts.address = std::string(90, 'a');
  x.problem = {errc::unavailable, std::string(200, 'p')};
  x.link = link_state::connecting;
  std::istringstream lines{nodes_text({{x, busy_node()}})};
  for (std::string line; std::getline(lines, line);) CHECK(display_width(line) <= page_width);
}
