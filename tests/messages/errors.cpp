#include "support/catch.hpp"

#include <vef/messages/errors.hpp>

#include <set>

using namespace vef;

TEST_CASE("every error code has a word of its own and advice") {
  std::set<std::string_view> words;
  for (std::size_t i = 0; i < errc_count; ++i) {
    auto code = static_cast<errc>(i);
    CHECK(words.insert(to_string(code)).second);
    CHECK(errc_from_string(to_string(code)) == code);
    CHECK(advice(code).size() > 10);
    CHECK(advice(code).back() != '.');
  }
  CHECK(to_string(static_cast<errc>(250)) == "internal");
}

TEST_CASE("a described error says what happened and what to do") {
  CHECK(describe({errc::empty_image, "cannot decode 'a.png': it is empty"})
        == "cannot decode 'a.png': it is empty (the file has no bytes: fetch it again)");
}

TEST_CASE("only errors that time or place can mend are retryable") {
  CHECK(retryable(errc::overloaded));
  CHECK(retryable(errc::unavailable));
  CHECK_FALSE(retryable(errc::corrupt_image));
  CHECK_FALSE(retryable(errc::ok));
}

TEST_CASE("a quoted name can not forge a line or hold broken text") {
  CHECK(quoted("plain name.png") == "'plain name.png'");
  CHECK(quoted("a\nERROR b") == "'a\\nERROR b'");
  CHECK(quoted("\x1b[31m") == "'\\x1b[31m'");
  CHECK(quoted("ünïcödé_图") == "'ünïcödé_图'");
  CHECK(quoted("bad\xff\xc3") == "'bad\\xff\\xc3'");
}
