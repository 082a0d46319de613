// The program that services of the isolation tests run in: their backend does what the colour of a picture
// says.
#include "network/faulty_backend.hpp"

#include <vef/supervisor/isolation/processes.hpp>

#include <cstdio>

int main() {
  if (auto over = vef::child_main(vef::test::faulty_types())) return *over;
  std::fputs("this program is started by the tests of isolation\n", stderr);
  return 2;
}
