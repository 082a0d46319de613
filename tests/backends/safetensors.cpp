#include "safetensors_support.hpp"
#include "support/catch.hpp"

#include <set>

using namespace vef;
using namespace vef::test;

namespace {

struct verdict {
  std::string about;
  std::string file;
  std::string complaint = {}; ///< a part of the error; empty: the file is good
  errc code = errc::corrupt_model;
};

void check(const std::vector<verdict>& table) {
  for (const auto& x : table) {
    INFO(x.about);
    auto read = read_copy(x.file, "folder/a.safetensors");
    if (x.complaint.empty()) {
      INFO((read ? "" : read.error().what));
      REQUIRE(read);
      CHECK(broken_rule(*read, x.file.size()).empty());
      continue;
    }
    REQUIRE_FALSE(read);
    CHECK(read.error().code == x.code);
    CHECK_THAT(read.error().what, Catch::StartsWith("cannot read 'folder/a.safetensors': "));
    CHECK_THAT(read.error().what, Catch::Contains(x.complaint));
  }
}

// A file of one tensor 'x' of four bytes of data.
std::string one(std::string_view type, std::string_view shape, std::string_view offsets = "[0,4]") {
  return safetensors_file("{" + entry("x", type, shape, offsets) + "}", "data");
}

// The same, with a header of one's own.
std::string of(std::string_view header) { return safetensors_file(header, "data"); }

std::string with_length(std::uint64_t length, std::string_view rest) {
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) out += static_cast<char>(length >> 8 * i & 0xff);
  return out.append(rest);
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

const std::string x = entry("x", "F32", "[1]", "[0,4]");

} // namespace

TEST_CASE("a safetensors file gives its tensors in the order of their data") {
  auto file =
      safetensors_file("{" + entry("b", "BF16", "[2,1]", "[8,12]") + "," + entry("a", "F32", "[2]", "[0,8]")
                           + "," + entry("empty", "I64", "[0,7]", "[8,8]") + "}",
                       "01234567abcd");
  auto read = read_copy(file);
  REQUIRE(read);
  REQUIRE(read->tensors.size() == 3);
  const auto &a = read->tensors[0], &empty = read->tensors[1], &b = read->tensors[2];
  CHECK(a.name == "a");
  CHECK(a.type == dtype::f32);
  CHECK(a.shape == std::vector<std::int64_t>{2});
  CHECK(file.substr(a.begin, a.end - a.begin) == "01234567");
  CHECK(b.name == "b");
  CHECK(b.type == dtype::bf16);
  CHECK(b.shape == std::vector<std::int64_t>{2, 1});
  CHECK(file.substr(b.begin, b.end - b.begin) == "abcd");
  CHECK(empty.shape == std::vector<std::int64_t>{0, 7});
  CHECK(empty.begin == empty.end);
  CHECK(read->data_begin == file.size() - 12);
}

TEST_CASE("types of elements have the names and sizes of the format") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < all_dtypes.size(); ++i) {
    const auto& facts = all_dtypes[i];
    INFO(facts.stored_name);
    auto bytes = std::to_string(3 * facts.size);
    auto read =
        read_copy(safetensors_file("{" + entry("x", facts.stored_name, "[3]", "[0," + bytes + "]") + "}",
                                   std::string(3 * facts.size, 'x')));
    REQUIRE(read);
    CHECK(read->tensors[0].type == static_cast<dtype>(i));
    CHECK(size_of(read->tensors[0].type) == facts.size);
    names.insert(to_string(read->tensors[0].type));
  }
  CHECK(names.size() == all_dtypes.size());
  static_assert(to_string(dtype::bf16) == "bfloat16" && size_of(dtype::bf16) == 2);
  static_assert(to_string(dtype::boolean) == "bool" && size_of(dtype::boolean) == 1);
}

TEST_CASE("the length of a safetensors header is held against the file and the format's limit") {
  check({
      {"no bytes", "", "it has 0 bytes, and needs 8"},
      {"seven bytes", std::string(7, '\0'), "it has 7 bytes, and needs 8"},
      {"no header", with_length(0, ""), "its header is no valid JSON"},
      {"an empty one", with_length(2, "{}")},
      {"one byte short", with_length(3, "{}"), "it ends after 10 bytes, within its header of 3"},
      {"the longest, cut", with_length(100'000'000, "{}"), "within its header of 100000000"},
      {"longer than allowed", with_length(100'000'001, "{}"),
       "claims a header of 100000001 bytes, where 100000000"},
      {"all ones", with_length(~std::uint64_t{}, "{}"), "18446744073709551615"},
      {"another format", "PK\x03\x04 and so on", "is it a safetensors file?"},
  });
}

TEST_CASE("a safetensors header is an object in valid JSON") {
  using namespace std::string_literals;
  check({
      {"good", of("{" + x + "}")},
      {"spaces around it", of(" \n\t\r{" + x + "}   ")},
      {"cut", of("{" + x), "no valid JSON: byte " + std::to_string(x.size() + 2)},
      {"two values", of("{" + x + "}{}"), "no valid JSON: byte " + std::to_string(x.size() + 3) + ", at "},
      {"a comma too many", of("{" + x + ",}"), "no valid JSON"},
      {"a comment", of("{/**/" + x + "}"), "no valid JSON"},
      {"zeros behind it", of("{" + x + "}\0\0"s), "byte " + std::to_string(x.size() + 3) + " is zero"},
      {"a zero in front", of("\0{"s + x + "}"), "byte 1 is zero"},
      {"a byte order mark", of("\xef\xbb\xbf{" + x + "}"), "byte order mark"},
      {"bytes that are no UTF-8", of("{\"\xff\":1," + x + "}"), "no valid JSON: byte 3, at '\"\\xff'"},
      {"an overlong sequence", of("{\"\xc0\x80\":1," + x + "}"), "no valid JSON"},
      {"half a surrogate pair", of("{\"\\ud800\":1," + x + "}"), "no valid JSON"},
      {"a list", of("[" + nested(1) + "]"), "its header must be an object, not a list"},
      {"a text", of("\"x\""), "must be an object, not a text"},
      {"a number", of("7"), "must be an object, not a number"},
      {"null", of("null"), "must be an object, not null"},
      {"an entry that is none", of("{\"x\":[0]}"), "tensor 'x' must be an object, not a list"},
      {"a number for an entry", of("{\"x\":-1}"), "tensor 'x' must be an object, not a negative number"},
  });
}

TEST_CASE("metadata of a safetensors file are texts") {
  auto with = [](const std::string& metadata) { return of("{\"__metadata__\":" + metadata + "," + x + "}"); };
  check({
      {"none", of("{" + x + "}")},
      {"empty", with("{}")},
      {"texts", with(R"({"format":"pt","":"\u0000\n"})")},
      {"a number", with(R"({"a":"b","n":1})"), "its __metadata__ must hold texts, not a number"},
      {"null", with(R"({"n":null})"), "must hold texts, not null"},
      {"an object", with(R"({"n":{}})"), "must hold texts, not an object"},
      {"a list", with(R"({"n":[]})"), "must hold texts, not a list"},
      {"a text instead of them", with("\"pt\""), "its __metadata__ must be an object, not a text"},
      {"twice", with(R"({},"__metadata__":{})"), "two __metadata__"},
  });
}

TEST_CASE("a tensor of a safetensors file has a type, a shape and offsets") {
  auto with = [](const std::string& fields) { return of("{\"x\":{" + fields + "}}"); };
  const std::string type = R"("dtype":"F32")", shape = R"("shape":[1])", offsets = R"("data_offsets":[0,4])";
  auto good = type + "," + shape + "," + offsets;
  check({
      {"in another order", with(offsets + "," + shape + "," + type)},
      {"no type", with(shape + "," + offsets), "tensor 'x' has no dtype"},
      {"no shape", with(type + "," + offsets), "tensor 'x' has no shape"},
      {"no offsets", with(type + "," + shape), "tensor 'x' has no data_offsets"},
      {"nothing", with(""), "tensor 'x' has no dtype"},
      {"two types", with(good + "," + type), "tensor 'x' has two dtype"},
      {"two shapes", with(good + "," + shape), "tensor 'x' has two shape"},
      {"two offsets", with(good + "," + offsets), "tensor 'x' has two data_offsets"},
      {"fields that nobody knows", with(R"("a":null,"b":[1,{"shape":[7]},2.5],"c":{"dtype":3},)" + good)},
      {"the same at the end", with(good + R"(,"a":{"b":{}},"c":-1e3)")},
      {"nested as deep as allowed", with("\"a\":" + nested(30) + "," + good)},
      {"nested too deep", with("\"a\":" + nested(31) + "," + good), "nested deeper than 32 levels"},
      {"nested without end", of("{\"x\":" + std::string(100'000, '[')), "must be an object, not a list"},
      {"the same where it is passed over", with("\"a\":" + std::string(100'000, '[')),
       "deeper than 32 levels"},
  });
}

TEST_CASE("a type of elements that is not supported is refused by name") {
  std::vector<verdict> table{
      {"none of the format", one("F31", "[1]"), "tensor 'x': there is no type 'F31'"},
      {"the type as others write it", one("float32", "[1]"), "there is no type 'float32'"},
      {"small letters", one("f32", "[1]"), "there is no type 'f32'"},
      {"empty", one("", "[1]"), "there is no type ''"},
      {"a number", of(R"({"x":{"dtype":5}})"), "its dtype must be a text, not a number"},
      {"a list", of(R"({"x":{"dtype":["F32"]}})"), "its dtype must be a text, not a list"},
  };
  for (std::string type :
       {"C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4"})
    table.push_back({type, one(type, "[4]"), "tensor 'x': the type '" + type + "' is not supported",
                     errc::unsupported_model});
  check(table);
}

TEST_CASE("a shape has at most 8 whole sides and no size that overflows") {
  const std::string wants = "its shape must be a list of whole numbers";
  check({
      {"no sides are one element", one("F32", "[]")},
      {"eight sides", one("U8", "[1,1,1,1,2,1,1,2]")},
      {"nine sides", one("U8", "[1,1,1,1,2,1,1,2,1]"), "tensor 'x' has more than 8 dimensions"},
      {"a side of zero", safetensors_file("{" + entry("x", "F32", "[3,0]", "[0,0]") + "}")},
      {"a negative side", one("F32", "[-1]"), wants + ", without a negative number"},
      {"a side that is not whole", one("F32", "[1.0]"), wants + ", without a number that is not whole"},
      {"a side beyond 64 bits", one("F32", "[18446744073709551616]"), wants},
      {"a side beyond 63 bits", one("U8", "[9223372036854775808]"), "a side of 9223372036854775808"},
      {"a text", one("F32", "[\"1\"]"), wants + ", without a text"},
      {"a list in it", one("F32", "[[1]]"), wants + ", without a list"},
      {"a number for it", one("F32", "1"), wants + ", not a number"},
      {"too large by a half", one("F32", "[2]"), "hold 4 bytes, its shape and type want 8"},
      {"too small", one("U8", "[3]"), "hold 4 bytes, its shape and type want 3"},
      {"a product that wraps to 4", one("F32", "[4611686018427387905,4611686018427387905]"), "overflows"},
      {"a size that wraps to 4", one("F32", "[4611686018427387905]"), "the size of its shape overflows"},
      {"an overflow beside a zero", one("F32", "[0,4611686018427387904,4]", "[0,0]"), "overflows"},
  });
}

TEST_CASE("offsets are two whole numbers that cover the data without hole, overlap or rest") {
  const std::string wants = "its data_offsets must be a list of two whole numbers";
  auto two = [](const std::string& a, const std::string& b, std::string_view data = "01234567") {
    return safetensors_file("{" + entry("a", "U8", a, b) + "," + entry("b", "U8", "[4]", "[4,8]") + "}",
                            data);
  };
  auto with_empty = [](const std::string& offsets) {
    return safetensors_file("{" + entry("empty", "F32", "[2,0]", offsets) + ","
                                + entry("a", "U8", "[4]", "[0,4]") + "," + entry("b", "U8", "[4]", "[4,8]")
                                + "}",
                            "01234567");
  };
  check({
      {"one offset", one("F32", "[1]", "[0]"), "tensor 'x' has less than two data_offsets"},
      {"no offset", one("F32", "[1]", "[]"), "less than two data_offsets"},
      {"three offsets", one("F32", "[1]", "[0,4,4]"), "more than two data_offsets"},
      {"a text", one("F32", "[1]", "[0,\"4\"]"), wants + ", without a text"},
      {"a negative offset", one("F32", "[1]", "[-4,0]"), wants + ", without a negative number"},
      {"an object", one("F32", "[1]", "{}"), wants + ", not an object"},
      {"end before begin", one("F32", "[1]", "[4,0]"), "[4, 0) end before they begin"},
      {"a size that wraps", one("U8", "[4]", "[18446744073709551615,3]"), "end before they begin"},
      {"beyond the end", one("F32", "[1]", "[1,5]"), "[1, 5) lead beyond the end of the 4 bytes of data"},
      {"far beyond the end", one("F32", "[1]", "[18446744073709551611,18446744073709551615]"),
       "lead beyond the end"},
      {"no data", safetensors_file("{" + x + "}"), "lead beyond the end of the 0 bytes"},
      {"side by side", two("[4]", "[0,4]")},
      {"a hole in front", two("[3]", "[1,4]"),
       "tensor 'a': its data_offsets [1, 4) leave a hole after byte 0"},
      {"a hole between", two("[3]", "[0,3]"),
       "tensor 'b': its data_offsets [4, 8) leave a hole after byte 3"},
      {"an overlap", two("[5]", "[0,5]"), "tensor 'b': its data_offsets [4, 8) overlap with tensor 'a'"},
      {"the same bytes twice", two("[8]", "[0,8]"), "overlap with tensor 'a', which ends at 8"},
      {"a rest", two("[4]", "[0,4]", "012345678"), "the last 1 of the 9 bytes of data belong to no tensor"},
      {"a rest without tensors", of("{}"), "the last 4 of the 4 bytes of data belong to no tensor"},
      {"an empty one where others meet", with_empty("[4,4]")},
      {"an empty one at the begin", with_empty("[0,0]")},
      {"an empty one at the end", with_empty("[8,8]")},
      {"an empty one inside another", with_empty("[5,5]"), "tensor 'empty': its data_offsets [5, 5) overlap"},
      {"an empty one beyond the end", with_empty("[9,9]"), "lead beyond the end"},
  });
}

TEST_CASE("a name of a tensor comes once, and is shown without what could forge a line") {
  auto twice =
      "{" + x + "," + entry("y", "U8", "[0]", "[4,4]") + "," + entry("x", "U8", "[0]", "[4,4]") + "}";
  check({
      {"twice", of(twice), "the name of tensor 'x' comes twice"},
      {"twice, once escaped",
       of("{" + x + ",\"\\u0078\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
       "the name of tensor 'x' comes twice"},
      {"an empty name", of("{" + entry("", "F32", "[1]", "[0,4]") + "}")},
      {"control characters", of("{" + entry("a\\nb\\u001b", "F31", "[1]", "[0,4]") + "}"),
       "tensor 'a\\nb\\x1b': "},
      {"a long one", of("{" + entry(std::string(5000, 'n'), "F31", "[1]", "[0,4]") + "}"),
       "tensor '" + std::string(200, 'n') + "'...: there is no type"},
  });
}
