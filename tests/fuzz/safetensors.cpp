// Whatever the bytes are: read_safetensors gives an error that says something, or a directory that keeps the
// format's rules.
//
// Built by clang with -fsanitize=fuzzer,address,undefined; run with -max_len=4096 on a folder for what it
// finds, then corpus_safetensors.
#include "backends/safetensors_support.hpp"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto read = vef::read_safetensors(std::as_bytes(std::span{data, size}), "fuzz");
  auto broken = read ? vef::test::broken_rule(*read, size)
                : read.error().code == vef::errc::internal
                    ? "an error is about the file: " + read.error().what
                    : std::string{};
  if (!broken.empty()) {
    std::fprintf(stderr, "broken rule: %s\n", broken.c_str());
    std::abort();
  }
  return 0;
}
