#include "support/catch.hpp"

#include <vef/actors/usage_book.hpp>

#include <rapidcheck.h>

#include <csignal>
#include <fstream>
#include <random>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace vef;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct scratch_folder {
  scratch_folder() {
    auto name = (fs::temp_directory_path() / "vef-usage-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~scratch_folder() { fs::remove_all(path); }

  fs::path path;
  fs::path file() const { return path / "usage.json"; }

  void put(std::string_view text) const { std::ofstream{file(), std::ios::binary} << text; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator{path}, fs::directory_iterator{}));
  }
};

timestamp at(std::int64_t ms) { return timestamp{std::chrono::milliseconds{ms}}; }

usage_book example() {
  usage_book book;
  model_key who{"clip", "ViT-B-32"};
  book.mark_loaded({who, tier::device, {{{"cuda:0", 600}, {"host", 40}}, {}}, 1500ms}, 700,
                   at(1700000000000));
  book.mark_moved({who, tier::packed, {{{"host", 640}}, {}}, 20ms});
  book.learn_working(who, {{8, 800}, {1, 150}});
  book.record_usage(who, 12, 480, at(1700000060000));
  book.record_usage({"dino", "small \"\\\n\xc3\xbc"}, 1, 1, at(1700000070000));
  book.record_usage({"dino", "no UTF-8 \xff"}, 1, 1, at(1700000080000));
  return book;
}

// A step in the life of the books, by small and by extreme numbers.
struct step {
  std::uint8_t what;
  std::string service, model;
  std::uint64_t a, b;
  std::int64_t when;
};

void take(usage_book& book, const step& x) {
  model_key who{x.service.substr(0, 1), x.model};
  load_result load{who, static_cast<tier>(x.a % 5), {{{"host", x.a}, {x.model, x.b}}, {}}, {}};
  load.took = std::chrono::microseconds{static_cast<std::int64_t>(x.b)};
  switch (x.what % 6) {
  case 0: return book.record_usage(who, x.a, x.b, at(x.when));
  case 1: return book.mark_loaded(load, x.b, at(x.when));
  case 2: return book.mark_moved(load);
  case 3: return book.mark_unloaded(who, at(x.when));
  case 4: return book.learn_working(who, {{static_cast<std::uint32_t>(x.a), x.b}, {x.what, x.a}});
  case 5: return book.forget_residence(at(x.when));
  }
}

} // namespace

namespace rc {
template <> struct Arbitrary<step> {
  static Gen<step> arbitrary() {
    auto number = gen::oneOf(gen::arbitrary<std::uint64_t>(), gen::inRange<std::uint64_t>(0, 50));
    auto time = gen::oneOf(gen::arbitrary<std::int64_t>(), gen::inRange<std::int64_t>(0, 1000));
    auto name = gen::oneOf(gen::arbitrary<std::string>(), gen::element<std::string>("a", "b"));
    return gen::build<step>(gen::set(&step::what), gen::set(&step::service, name),
                            gen::set(&step::model, name), gen::set(&step::a, number),
                            gen::set(&step::b, number), gen::set(&step::when, time));
  }
};
} // namespace rc

namespace {

errc code_of(const std::string& text) {
  auto book = usage_book::from_json(text);
  return book ? errc::ok : book.error().code;
}

std::string refusal(const std::string& text) {
  auto book = usage_book::from_json(text);
  return book ? "" : book.error().what;
}

std::string with_model(const std::string& more) {
  return R"({"version": 1, "models": [{"service": "s", "model": "m", )" + more + "}]}";
}

} // namespace

TEST_CASE("books come back from JSON as they were") {
  auto book = example();
  auto back = usage_book::from_json(book.to_json());
  REQUIRE(back);
  CHECK(*back == book);
  CHECK(usage_book::from_json(usage_book{}.to_json()) == usage_book{});
}

TEST_CASE("whatever happens to books they come back from JSON as they were") {
  REQUIRE(rc::check([](const std::vector<step>& steps) {
    usage_book book;
    for (const auto& x : steps) take(book, x);
    auto back = usage_book::from_json(book.to_json());
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == book);
  }));
}

TEST_CASE("books from JSON go on as the old ones would have") {
  REQUIRE(rc::check([](const std::vector<step>& before, const std::vector<step>& after) {
    usage_book book;
    for (const auto& x : before) take(book, x);
    auto back = usage_book::from_json(book.to_json()).value();
    for (const auto& x : after) {
      take(book, x);
      take(back, x);
    }
    RC_ASSERT(back == book);
  }));
}

TEST_CASE("keys that are not known are ignored and those left out are nothing") {
  auto book = usage_book::from_json(with_model(R"("colour": {"a": [1, null]}, "requests": 3)"));
  REQUIRE(book);
  CHECK(book->find({"s", "m"})->requests == 3);
  CHECK(book->find({"s", "m"})->images == 0);
}

TEST_CASE("a refusal of books says what is wrong and where") {
  CHECK(refusal("") == "it is damaged or no JSON at byte 1");
  CHECK(refusal("[]") == "it is no object");
  CHECK(refusal("{}") == "it has no version");
  CHECK(refusal(R"({"version": 2, "models": 5})")
        == "it is of version 2, by a newer vef; this one knows version 1");
  CHECK(refusal(R"({"version": 1, "models": 5})") == "'models' is no list");
  CHECK(refusal(R"({"version": 1, "models": [7]})") == "model 1: it is no object");
  CHECK(refusal(R"({"version": 1, "models": [{"service": "s"}]})") == "model 1: 'model' is missing");
  CHECK(refusal(with_model(R"("images": -1)"))
        == "model 1: 'images' is no whole number from 0 to 9223372036854775807");
  CHECK(refusal(with_model(R"("tiers": [{"tier": "attic"}])"))
        == "model 1: tier 1: 'tier' is none of mapped, packed, host and device");
  CHECK(refusal(with_model(R"("working": [{"pictures": 1, "bytes": 2}, {"pictures": 5000000000}])"))
        == "model 1: sample 2: 'pictures' is no whole number from 0 to 4294967295");
  CHECK(
      refusal(R"({"version": 1, "models": [{"service": "s", "model": "m"}, {"service": "s", "model": "m"}]})")
      == "model 2: it is in the list twice");
}

TEST_CASE("numbers that make no sense are refused") {
  for (auto key : {"requests", "images", "loads", "unloads", "last_used_unix_ms", "resident_since_unix_ms",
                   "resident_time_ms", "load_time_us"})
    for (auto value : {"-1", "1.5", "1e400", "-1e400", "1e30", "9223372036854775808",
                       "99999999999999999999999", "\"7\"", "null", "true", "[]", "{}"}) {
      CAPTURE(key, value);
      CHECK(code_of(with_model('"' + std::string{key} + "\": " + value)) == errc::invalid_config);
    }
  for (auto value : {"-1.5", "1e19", "1e400", "NaN", "null", "\"0\""}) {
    CAPTURE(value);
    CHECK(code_of(with_model(R"("estimate_error": )" + std::string{value})) == errc::invalid_config);
  }
  CHECK(code_of(with_model(R"("requests": 9223372036854775807, "estimate_error": -1)")) == errc::ok);
}

TEST_CASE("names that are neither text nor bytes are refused") {
  for (auto value : {"5", "null", "[256]", "[-1]", "[\"a\"]", "{}"}) {
    CAPTURE(value);
    auto text = R"({"version": 1, "models": [{"model": "m", "service": )" + std::string{value} + "}]}";
    CHECK(code_of(text) == errc::invalid_config);
  }
}

TEST_CASE("hostile nesting is refused before it costs memory") {
  CHECK(refusal(R"({"version": 1, "x": )" + std::string(1 << 20, '[')) == "it is nested too deeply");
  CHECK(refusal(std::string((16 << 20) + 1, ' ')) == "it has more than 16.0 MiB");
}

TEST_CASE("books that end anywhere are refused") {
  auto text = example().to_json();
  while (text.back() == '\n') text.pop_back();
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    REQUIRE(code_of(text.substr(0, n)) == errc::invalid_config);
  }
}

TEST_CASE("damaged books are books or refused") {
  auto text = example().to_json();
  std::mt19937 random{11};
  for (int i = 0; i < 5000; ++i) {
    auto damaged = text;
    for (auto flips = random() % 3 + 1; flips > 0; --flips)
      damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    auto book = usage_book::from_json(damaged);
    if (!book) {
      REQUIRE(book.error().code == errc::invalid_config);
      REQUIRE_FALSE(book.error().what.empty());
    } else {
      // What was taken as books can be written and read.
      REQUIRE(usage_book::from_json(book->to_json()) == *book);
    }
  }
}

TEST_CASE_METHOD(scratch_folder, "without a file the books are empty") {
  CHECK(read_usage(file()) == usage_book{});
  CHECK(read_usage(path / "no" / "such" / "folder") == usage_book{});
}

TEST_CASE_METHOD(scratch_folder, "a written file is read back and nothing else is left in its folder") {
  REQUIRE(write_usage(usage_book{}, file()));
  REQUIRE(write_usage(example(), file()));
  CHECK(read_usage(file()) == example());
  CHECK(entries() == 1);
}

TEST_CASE_METHOD(scratch_folder, "a written file is for its owner only and its folders are made") {
  auto deep = path / "a" / "b" / "usage.json";
  REQUIRE(write_usage(example(), deep));
  struct stat facts {};
  REQUIRE(::stat(deep.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
}

TEST_CASE_METHOD(scratch_folder, "a file that can't be written is an error and leaves nothing behind") {
  put("a regular file");
  auto below = write_usage(example(), file() / "below" / "usage.json");
  REQUIRE_FALSE(below);
  CHECK(below.error().code == errc::cannot_write);
  CHECK(below.error().what.ends_with("': Not a directory"));

  fs::create_directories(path / "folder" / "with content");
  auto folder = write_usage(example(), path / "folder");
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code == errc::cannot_write);
  CHECK(entries() == 2);
}

TEST_CASE_METHOD(scratch_folder, "a full disk leaves the old file as it was") {
  REQUIRE(write_usage(usage_book{}, file()));
  auto old_signal = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old_limit {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  struct rlimit small {
    100, old_limit.rlim_max
  };
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto done = write_usage(example(), file());
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_signal);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::disk_full);
  CHECK(read_usage(file()) == usage_book{});
  CHECK(entries() == 1);
}

TEST_CASE_METHOD(scratch_folder, "what can't be read as a file is an error that names it") {
  auto folder = read_usage(path);
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code == errc::file_unreadable);
  CHECK(folder.error().what
        == "cannot read the usage books " + vef::quoted(path.string()) + ": it is no regular file");
  REQUIRE(::mkfifo(file().c_str(), 0600) == 0);
  CHECK(read_usage(file()).error().code == errc::file_unreadable);
  fs::remove(file());
  put("x");
  CHECK(read_usage(file() / "below").error().code == errc::file_unreadable);
}

TEST_CASE_METHOD(scratch_folder, "a damaged file is an error that names it and says what to do") {
  put("{\"version\": 1");
  auto book = read_usage(file());
  REQUIRE_FALSE(book);
  CHECK(book.error().code == errc::invalid_config);
  CHECK(book.error().what
        == "cannot read the usage books " + vef::quoted(file().string())
               + ": it is damaged or no JSON at byte 14; mend it, or remove it to start with empty ones");
  fs::resize_file(file(), std::uintmax_t{1} << 32);
  CHECK(read_usage(file()).error().what.find("more than 16.0 MiB") != std::string::npos);
}
