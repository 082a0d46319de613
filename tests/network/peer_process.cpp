// A client of the network tests that comes to a bad end.
//
//   load    keeps requests under way; says "under way" when they are
//   flood   sends `count` requests at once, says "sent", and never reads an answer
//   node=HOST:PORT   tls=FOLDER   pictures, side, first: of the requests
#include "network/arguments.hpp"
#include "network/client.hpp"
#include "network/raw_peer.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>

#include <unistd.h>

using namespace vef;
using namespace vef::test;

namespace {

void say(const char* what) {
  std::puts(what);
  std::fflush(stdout);
}

[[noreturn]] void wait_to_be_killed() {
  for (;;) ::pause();
}

embed_request request_of(const arguments& x) {
  return request_for(static_cast<std::uint32_t>(x.number("first", 0)),
                     static_cast<std::uint32_t>(x.number("pictures", 8)),
                     static_cast<std::uint32_t>(x.number("side", 2)));
}

[[noreturn]] void keep_loading(const arguments& x) {
  client by{{x.text("node")}, x.text("tls")};
  auto request = request_of(x);
  (void)by->embed_async(request).get();
  for (int i = 0; i < 8; ++i) (void)by->embed_async(request).wait_for(std::chrono::milliseconds{1});
  say("under way");
  wait_to_be_killed();
}

[[noreturn]] void flood(const arguments& x) {
  raw_peer by{x.text("node"), x.text("tls")};
  auto there = by.enter();
  auto request = request_of(x);
  for (unsigned long i = 0; i < x.number("count", 1000); ++i)
    (void)by.self()->request(there.front, std::chrono::minutes{1}, embed_atom_v, request);
  say("sent");
  wait_to_be_killed();
}

} // namespace

int main(int count, char** words) {
  die_with_parent();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("peer"));
  arguments told{count, words};
  told.has("flood") ? flood(told) : keep_loading(told);
}
