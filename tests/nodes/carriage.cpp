#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/carriage.hpp>

using namespace vef;
using namespace vef::test;

namespace {

std::string file_of(const scratch& folder, const std::string& name, std::size_t bytes) {
  return folder.put(name, std::string(bytes, 'x'));
}

/// A reply whose first number is the size of each picture.
embed_reply answer_to(const embed_request& x) {
  embed_reply out;
  auto values = std::make_shared<std::vector<float>>();
  for (const auto& one : x.images) {
    values->push_back(static_cast<float>(one.bytes.size()));
    values->push_back(1);
  }
  out.outcomes.resize(x.images.size());
  out.vectors = matrix{x.images.size(), 2, values};
  return out;
}

} // namespace

TEST_CASE("files that the other node can't read go as bytes, a few at a time") {
  scratch folder;
  embed_request part;
  for (std::size_t i = 1; i <= 5; ++i) part.images.push_back(file_of(folder, std::to_string(i), 400 + i));
  carriage load{part, {}, 1000};
  REQUIRE(load.has_to_read());
  CHECK_FALSE(load.partly_done());
  std::size_t chunks = 0;
  while (load.has_next()) {
    auto chunk = load.next();
    ++chunks;
    CHECK(chunk.images.size() <= 2);
    for (const auto& x : chunk.images) CHECK(x.kind == image_kind::encoded);
    load.add(answer_to(chunk));
  }
  CHECK(chunks == 3);
  CHECK(load.partly_done());
  auto all = load.take();
  REQUIRE(all.outcomes.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(all.vectors.row(i)[0] == static_cast<float>(401 + i));
}

TEST_CASE("files in folders that the other node shares go by their names") {
  scratch folder;
  embed_request part;
  part.images = {file_of(folder, "a", 10), file_of(folder, "b", 10)};
  carriage load{part, {folder.folder().string()}, 1000};
  auto chunk = load.next();
  REQUIRE(chunk.images.size() == 2);
  CHECK(chunk.images[0].kind == image_kind::file);
  CHECK_FALSE(load.has_next());
}

TEST_CASE("a file that can't be read costs its own place") {
  scratch folder;
  embed_request part;
  part.images = {file_of(folder, "a", 10), image{folder / "missing"}, file_of(folder, "c", 30)};
  carriage load{part, {}, 1000};
  auto chunk = load.next();
  REQUIRE(chunk.images.size() == 2);
  load.add(answer_to(chunk));
  CHECK_FALSE(load.has_next());
  auto all = load.take();
  CHECK_FALSE(all.outcomes[0]);
  CHECK(all.outcomes[1].code == errc::file_not_found);
  CHECK(all.vectors.row(1)[1] == 0);
  CHECK(all.vectors.row(2)[0] == 30);
}

TEST_CASE("where no file can be read there is nothing to send, and every picture has its error") {
  embed_request part;
  part.images = {image{"/no/such/a"}, image{"/no/such/b"}};
  carriage load{part, {}, 1000};
  CHECK(load.next().images.empty());
  CHECK_FALSE(load.has_next());
  auto all = load.take();
  REQUIRE(all.outcomes.size() == 2);
  CHECK(all.outcomes[1].code == errc::file_not_found);
  CHECK(all.vectors.rows() == 2);
}

TEST_CASE("an answer of another size than the question is an error of its pictures") {
  embed_request part;
  part.images = {image::encoded(shared_bytes{{1}}, "a"), image::encoded(shared_bytes{{1}}, "b")};
  carriage load{part, {}, 1000};
  auto chunk = load.next();
  chunk.images.pop_back();
  load.add(answer_to(chunk));
  auto all = load.take();
  CHECK(all.outcomes[0].code == errc::internal);
  CHECK(all.outcomes[1].code == errc::internal);
}
