// Models that come and go while their service runs.
#include "watched.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct changing : node_fixture {
  std::vector<std::string> offered() {
    std::vector<std::string> out;
    for (const auto& x : look<std::vector<catalog_entry>>(now().registry, models_atom_v).value())
      out.push_back(x.model.id);
    return out;
  }

  result<embed_reply> embed_with(const std::string& model) {
    embed_request x{.model = model, .images = {plain(3, 4, 5)}};
    return ask<embed_reply>(now().registry, embed_atom_v, x);
  }

  void change(std::vector<model_info> to) {
    control->catalog = to;
    control->changed_catalog = to;
    pass(1100ms);
  }
};

} // namespace

TEST_CASE_METHOD(changing, "a model that appears is offered after the next check") {
  start({watched("s")});
  CHECK_FALSE(embed_with("c"));
  change({fake_model("a"), fake_model("b"), fake_model("c")});
  CHECK(offered() == names{"a", "b", "c"});
  CHECK(embed_with("c"));
  CHECK(status_of("s").catalog.size() == 3);
  CHECK(status_of("s").health.state == health::healthy);
}

TEST_CASE_METHOD(changing, "a model that is gone leaves memory and is unknown") {
  start({watched("s")});
  REQUIRE(embed_with("a"));
  REQUIRE(embed_with("b"));
  CHECK(control->alive == 2);
  change({fake_model("b")});
  CHECK(offered() == names{"b"});
  CHECK(control->alive == 1);
  auto gone = embed_with("a");
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == errc::unknown_model);
  CHECK(embed_with("b"));
  CHECK(status_of("s").default_model == "b");
}

TEST_CASE_METHOD(changing, "a model whose files changed is loaded anew, and others stay") {
  start({watched("s")});
  REQUIRE(embed_with("a"));
  REQUIRE(embed_with("b"));
  auto other = fake_model("a");
  other.description = "retrained";
  change({other, fake_model("b")});
  CHECK(control->alive == 1);
  CHECK(control->loads == 2);
  REQUIRE(embed_with("a"));
  REQUIRE(embed_with("b"));
  CHECK(control->loads == 3);
}

TEST_CASE_METHOD(changing, "requests under way when their model goes get their vectors") {
  start({watched("s")});
  REQUIRE(embed_with("a"));
  embed_request x{.model = "a", .images = {plain(3, 4, 5)}};
  auto reply = send<embed_reply>(now().registry, embed_atom_v, x);
  up_to_lanes(*this);
  control->catalog = {fake_model("b")};
  control->changed_catalog = control->catalog;
  pass(1100ms);
  REQUIRE(*reply);
  CHECK(**reply);
  CHECK(offered() == names{"b"});
}

TEST_CASE_METHOD(changing, "a catalog that makes no sense changes nothing") {
  start({watched("s")});
  change({fake_model("x"), fake_model("x")});
  CHECK(offered() == names{"a", "b"});
  CHECK(embed_with("a"));
}
