#include "support/catch.hpp"

#include <vef/nodes/address.hpp>

using namespace vef;

namespace {

node_address read(std::string_view text) { return parse_address(text).value(); }

std::string refusal(std::string_view text) {
  auto read = parse_address(text);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code == errc::invalid_argument);
  return read.error().what;
}

} // namespace

TEST_CASE("an address is read in each of its spellings") {
  CHECK(read("gpu1:7500") == node_address{"gpu1", 7500});
  CHECK(read("gpu1") == node_address{"gpu1", 7400});
  CHECK(read("gpu-1.example_org.net:1") == node_address{"gpu-1.example_org.net", 1});
  CHECK(read("127.0.0.1:0") == node_address{"127.0.0.1", 0});
  CHECK(read("[::1]:7500") == node_address{"::1", 7500});
  CHECK(read("[fe80::1%eth0]:7500") == node_address{"fe80::1%eth0", 7500});
  CHECK(read("[::1]") == node_address{"::1", 7400});
  CHECK(read("::1") == node_address{"::1", 7400});
  CHECK(read("::") == node_address{"::", 7400});
  CHECK(read(":7500") == node_address{"127.0.0.1", 7500});
}

TEST_CASE("what is no address is refused, quoted, with the reason") {
  for (auto bad :
       {"",        ":",       "[::1",    "[]:7400",   "[gpu1]:7400", "[::1]7400", "a:b:c",      "::1:x",
        "gpu 1",   "-a:1",    ".a",      "a/b:1",     "a\n:1",       "gpu1:",     "gpu1:65536", "gpu1:-1",
        "gpu1:+1", "gpu1: 1", "gpu1:7x", "300.1.1.1", "10.1",        "tcp://gpu1"}) {
    CAPTURE(bad);
    CHECK(refusal(bad).starts_with("cannot read the address " + vef::quoted(bad)));
  }
  CHECK(refusal(std::string_view{"::1\0", 4}).find("\\x00") != std::string::npos);
  CHECK(refusal(std::string(254, 'a')).find("neither a host's name nor an address") != std::string::npos);
  CHECK(read(std::string(253, 'a')).host.size() == 253);
}

TEST_CASE("a port alone is not taken for a host, as the system's resolver would") {
  CHECK(refusal("7400").find("write HOST:PORT") != std::string::npos);
}

TEST_CASE("what is written as text is read back as the same") {
  for (const auto& x : {node_address{"gpu1", 7400}, node_address{"::1", 1}, node_address{"10.0.0.1", 65535}})
    CHECK(read(to_string(x)) == x);
  CHECK(to_string({"gpu1", 7400}) == "gpu1:7400");
  CHECK(to_string({"::1", 7400}) == "[::1]:7400");
}

TEST_CASE("loopback is what only this machine reaches") {
  for (auto host : {"127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost", "LocalHost"})
    CHECK(is_loopback({host, 7400}));
  for (auto host :
       {"128.0.0.1", "0.0.0.0", "::", "::2", "localhost.example.org", "127.example.org", "gpu1", ""})
    CHECK_FALSE(is_loopback({host, 7400}));
}

TEST_CASE("a port that an address does not say is the one that is given for that") {
  CHECK(parse_address("gpu1", 0).value() == node_address{"gpu1", 0});
  CHECK(parse_address("::1", 9).value() == node_address{"::1", 9});
  CHECK(parse_address("[::1]", 9).value() == node_address{"::1", 9});
  CHECK(parse_address("gpu1:5", 9).value() == node_address{"gpu1", 5});
}
