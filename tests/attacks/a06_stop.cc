// A06: a job that stops itself, its group, or the cell's first process.
#include <unistd.h>

#include <csignal>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run_self(unsigned) {
  end_after(2000ms);
  ::raise(SIGSTOP);
  return 0;
}

int run_group(unsigned) {
  end_after(2000ms);
  for (int i = 0; i < 4; ++i) {
    spawn([] {
      end_after(2000ms);
      return ::pause();
    });
  }
  ::kill(0, SIGSTOP);
  return 0;
}

// Were it stopped, nobody would say that this program has ended, and the wall time would pass.
int run_first(unsigned) {
  (void)::kill(1, SIGSTOP);
  (void)::kill(1, SIGTSTP);
  return 3;
}

const Enrol kSelf{{.id = "A06",
                   .what = "stop oneself",
                   .run = run_self,
                   .statuses = {"wall_time_limit"},
                   .limits_hit = {"wall_time"},
                   .limits = {"wall_time=300ms"}}};
const Enrol kGroup{{.id = "A06b",
                    .what = "stop the whole process group",
                    .run = run_group,
                    .statuses = {"wall_time_limit"},
                    .limits_hit = {"wall_time"},
                    .limits = {"wall_time=300ms"}}};
const Enrol kFirst{{.id = "A06c",
                    .what = "stop the cell's first process",
                    .run = run_first,
                    .statuses = {"nonzero_exit"},
                    .exit_code = 3,
                    .limits = {"wall_time=1s"}}};

}  // namespace
}  // namespace retort::attacks
