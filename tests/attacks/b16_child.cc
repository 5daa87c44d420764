// B16: a child runs out of memory; the program waits for it and ends as if nothing had been.
#include <unistd.h>

#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 128U << 20U;  // twice the limit

int run(unsigned) {
  // A child that has nothing to do with it must be gone as well: it says so if it is not.
  spawn([] {
    rest(700ms);
    breach("a part of the job outlived it");
    return 0;
  });
  wait_for(spawn([] {
    write_file("/proc/self/oom_score_adj", "1000");
    touch(kMost);
    return 0;
  }));
  rest(10ms);
  return 0;
}

// The rest of the job is ended with the child, not when it pleases.
int go_on(unsigned) {
  wait_for(spawn([] {
    touch(kMost);
    return 0;
  }));
  rest(700ms);
  breach("the program went on without its child");
  return 0;
}

const Enrol kGoOn{{.id = "B16b",
                   .what = "go on after a child was killed for memory",
                   .run = go_on,
                   .statuses = {"memory_limit"},
                   .limits_hit = {"memory"},
                   .limits = {"memory=64MiB"}}};

const Enrol kAttack{{.id = "B16",
                     .what = "a child for the kernel to kill, and a good end",
                     .run = run,
                     .statuses = {"memory_limit"},
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB"},
                     .cells = {.count = 10, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
