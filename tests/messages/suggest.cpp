#include "support/catch.hpp"

#include <vef/messages/suggest.hpp>

#include <vector>

using namespace vef;

namespace {
const std::vector<std::string> models{"descriptors-small", "descriptors-large", "dinov2-small", "clip"};
}

TEST_CASE("a slip of the fingers finds the word that was meant") {
  CHECK(nearest("dinov2-smal", models) == "dinov2-small");
  CHECK(nearest("Descriptors-Large", models) == "descriptors-large");
  CHECK(nearest("klip", models) == "clip");
  CHECK(nearest("dino", models) == "dinov2-small");
}

TEST_CASE("a word like no other finds nothing") {
  CHECK(nearest("resnet", models).empty());
  CHECK(nearest("", models).empty());
  CHECK(nearest("clip", std::vector<std::string>{}).empty());
}

TEST_CASE("the sentence for an unknown name offers the nearest one") {
  CHECK(unknown("model", "clipp", models) == "unknown model 'clipp'; did you mean 'clip'?");
  CHECK(unknown("model", "x", {}) == "unknown model 'x'; there is none at all");
}
