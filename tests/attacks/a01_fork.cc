// A01: for (;;) fork();
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 64;  // twice the limit

int run(unsigned) {
  int children = 0;
  bool refused = false;
  while (children < kMost && !refused) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    if (child < 0) {
      expect(errno == EAGAIN, "fork failed with something else than EAGAIN");
      refused = true;
    } else {
      ++children;
    }
  }
  expect(refused, "more processes than the limit");
  return verdict();
}

const Enrol kAttack{{.id = "A01",
                     .what = "fork without end",
                     .run = run,
                     .limits_hit = {"processes"},
                     .limits = {"processes=32"}}};

}  // namespace
}  // namespace retort::attacks
