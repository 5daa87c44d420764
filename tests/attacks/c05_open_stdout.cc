// C05: a daemon keeps the streams open, and writes to them, after its program has ended.
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  spawn([] {
    ::setsid();
    rest(3000ms);
    breach("the result waited for a daemon");
    return 0;
  });
  (void)!::write(1, "end\n", 4);
  return 0;
}

std::string end() {
  return "end\n";
}

const Enrol kAttack{{.id = "C05",
                     .what = "a daemon that keeps stdout open",
                     .run = run,
                     .exit_code = 0,
                     .prints = end,
                     .limits = {"wall_time=2s"}}};

}  // namespace
}  // namespace retort::attacks
