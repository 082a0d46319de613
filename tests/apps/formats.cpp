#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/apps/json.hpp>
#include <vef/apps/lines.hpp>
#include <vef/apps/npy.hpp>
#include <vef/apps/vectors_file.hpp>

#include <cmath>
#include <cstring>
#include <limits>

using namespace vef;
using test::scratch;

namespace {

std::string bytes(std::vector<float> numbers) {
  std::string out(numbers.size() * sizeof(float), ' ');
  std::memcpy(out.data(), numbers.data(), out.size());
  return out;
}

} // namespace

TEST_CASE("the head of an npy file can be read back and always has the same length") {
  for (std::uint64_t rows : {0ull, 1ull, 1000000ull, 1ull << 39}) {
    auto head = npy_header(rows, 1);
    CHECK(head.size() == npy_header_size);
    CHECK(head.back() == '\n');
    auto layout = read_npy_header(head, "x.npy");
    REQUIRE(layout);
    CHECK(layout->rows == rows);
    CHECK(layout->dim == 1);
    CHECK(layout->offset == npy_header_size);
  }
}

TEST_CASE("heads that other programs write are read") {
  std::string text = "{'descr':'<f4', 'shape': (3, 4), 'fortran_order': False}\n";
  auto v1 = std::string{"\x93NUMPY\x01\x00", 8} + static_cast<char>(text.size()) + '\0' + text;
  auto v2 =
      std::string{"\x93NUMPY\x02\x00", 8} + static_cast<char>(text.size()) + std::string(3, '\0') + text;
  for (const auto& head : {v1, v2}) {
    auto layout = read_npy_header(head, "x.npy");
    REQUIRE(layout);
    CHECK(layout->rows == 3);
    CHECK(layout->dim == 4);
    CHECK(layout->offset == head.size());
  }
}

TEST_CASE("other and damaged npy files are refused") {
  auto good = npy_header(2, 3);
  auto with = [&](std::string_view from, std::string_view to) {
    auto out = good;
    return out.replace(out.find(from), from.size(), to);
  };
  for (const auto& head :
       {std::string{}, std::string{"PK\x03\x04"}, good.substr(0, 9), good.substr(0, 40), with("<f4", "<f8"),
        with("<f4", ">f4"), with("False", "True "), with("(2, 3)", "(2,)  "), with("(2, 3)", "(2, 0)"),
        with("(2, 3)", "(a, b)"), with("shape", "shade"), with("(2, 3)", "(99999999999999999999, 3)")}) {
    auto layout = read_npy_header(head, "x.npy");
    REQUIRE_FALSE(layout);
    CHECK(layout.error().code == errc::invalid_config);
  }
}

TEST_CASE("lines keep paths of any bytes and are valid JSON") {
  for (std::string path : {"plain.jpg", "with space.jpg", "line\nbreak.jpg", "\"quotes\\.jpg", "\xc3\xa4.jpg",
                           "\xff\xfe.jpg", "cut\xc3"}) {
    auto line = line_of(path, 7);
    REQUIRE(line.ends_with('\n'));
    CHECK(line.find('\n') == line.size() - 1);
    auto x = json::parse(line);
    CHECK(x["row"] == 7);
    auto back = read_line(line);
    REQUIRE(back);
    CHECK(back->path == path);
    CHECK(back->row == 7u);
  }
  CHECK(json::parse(line_of("\xff.jpg", 0))["path"] == "\xef\xbf\xbd.jpg");
  CHECK(json::parse(line_of("\xff.jpg", 0))["path_hex"] == "ff2e6a7067");
  CHECK_FALSE(json::parse(line_of("a.jpg", 0)).contains("path_hex"));
}

TEST_CASE("lines of errors carry the error") {
  auto line = line_of("a.jpg", error{errc::corrupt_image, "cannot decode 'a.jpg': bad checksum"});
  CHECK(line
        == "{\"path\":\"a.jpg\",\"error\":\"corrupt_image\",\"message\":\"cannot decode 'a.jpg': bad "
           "checksum\"}\n");
  auto back = read_line(line);
  REQUIRE(back);
  CHECK_FALSE(back->row);
  CHECK(back->problem.code == errc::corrupt_image);
}

TEST_CASE("vectors in lines keep their bits and what is no number is null") {
  std::vector<float> vector{
      0.1f, -0.0f, 1e-42f, 3.4028235e38f, 1.0f / 3, std::nanf(""), std::numeric_limits<float>::infinity()};
  auto x = json::parse(line_of("a.jpg", 3, vector));
  REQUIRE(x["vector"].size() == vector.size());
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(std::signbit(x["vector"][i].get<float>()) == std::signbit(vector[i]));
  for (std::size_t i = 0; i < 5; ++i) CHECK(x["vector"][i].get<float>() == vector[i]);
  CHECK(x["vector"][5].is_null());
  CHECK(x["vector"][6].is_null());
  CHECK(json::parse(line_of("a.jpg", 3, std::span<const float>{}))["vector"].empty());
}

TEST_CASE("texts that are no lines of a run are refused") {
  for (auto text : {"", "{", "[]", "7", "{\"row\":1}", "{\"path\":1,\"row\":1}", "{\"path\":\"a\"}",
                    "{\"path\":\"a\",\"row\":-1}", "{\"path\":\"a\",\"path_hex\":\"f\",\"row\":1}",
                    "{\"path\":\"a\",\"path_hex\":\"zz\",\"row\":1}"})
    CHECK_FALSE(read_line(text));
}

TEST_CASE("vectors are mapped with the paths of their pictures") {
  scratch at;
  auto out = at.put("v.npy", npy_header(2, 3) + bytes({1, 2, 3, 4, 5, 6}));
  at.put("v.jsonl",
         line_of("a.jpg", 0) + line_of("bad.jpg", error{errc::empty_image, "x"}) + line_of("b.jpg", 1));
  auto file = vectors_file::open(out);
  REQUIRE(file);
  CHECK(file->rows() == 2);
  CHECK(file->path(1) == "b.jpg");
  CHECK(file->vectors().row(1)[2] == 6);
}

TEST_CASE("vectors that don't fit their lines are refused") {
  scratch at;
  auto head = npy_header(2, 3);
  auto good_lines = line_of("a.jpg", 0) + line_of("b.jpg", 1);
  auto refused = [&](const std::string& npy, const std::string& lines) {
    auto out = at.put("v.npy", npy);
    at.put("v.jsonl", lines);
    auto file = vectors_file::open(out);
    return !file && file.error().code == errc::invalid_config;
  };
  auto good = head + bytes({1, 2, 3, 4, 5, 6});
  CHECK_FALSE(refused(good, good_lines));
  CHECK(refused("", good_lines));
  CHECK(refused(head + bytes({1, 2, 3, 4, 5}), good_lines));
  CHECK(refused(good, line_of("a.jpg", 0)));
  CHECK(refused(good, good_lines + line_of("c.jpg", 2)));
  CHECK(refused(good, line_of("a.jpg", 0) + line_of("b.jpg", 0)));
  CHECK(refused(good, "no json\n"));
  CHECK(vectors_file::open(at / "none.npy").error().code == errc::file_not_found);
  CHECK(vectors_file::open(at / "v.txt").error().code == errc::invalid_argument);
}

TEST_CASE("message structs become JSON by their fields") {
  model_status x;
  x.model = "m";
  x.state = model_state::ready;
  x.tier = tier::device;
  x.load_time = std::chrono::milliseconds{1500};
  x.loaded_at = timestamp{std::chrono::milliseconds{1'750'000'000'250}};
  auto j = to_json(x);
  CHECK(j["model"] == "m");
  CHECK(j["state"] == "ready");
  CHECK(j["tier"] == "device");
  CHECK(j["load_time"] == 1.5);
  CHECK(j["loaded_at"] == "2025-06-15T15:06:40.250Z");
  CHECK(j["last_used"].is_null());
  CHECK(j["last_error"].is_null());
  CHECK(j.size() == std::tuple_size_v<decltype(model_status::fields())>);
}

TEST_CASE("lists and maps and nested structs become JSON") {
  node_status x;
  device_memory host{.device = "host", .capacity = 8, .resident = 4};
  host.holdings = {{.who = {"s", "m"}, .resident = 4}};
  x.memory.devices.push_back(host);
  CHECK(to_json(x)["memory"]["devices"][0]["holdings"][0]["resident"] == 4);
  CHECK(to_json(service_spec{.name = "s", .settings = {{"a", "b"}}})["settings"]["a"] == "b");
  CHECK(to_json(preparation{})["mean"].size() == 3);
  CHECK(to_json(error{errc::in_use, "why"}) == json({{"code", "in_use"}, {"what", "why"}}));
}
