// The main function of every test program: Catch2's, and exit status 77 ("skipped" to ctest) if a case said
// that it could not run and none failed.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

namespace vef::test {
bool something_was_skipped = false; // set through support/skip.hpp
}

int main(int argc, char** argv) {
  auto failed = Catch::Session().run(argc, argv);
  return failed == 0 && vef::test::something_was_skipped ? 77 : failed;
}
