// A12: wait for ever, in each way there is, with children that do the same.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

void wait_for_ever(unsigned how) {
  int word = 0;
  char byte = 0;
  int ends[2];
  switch (how) {
    case 0:
      rest(2000ms);
      break;
    case 1:
      ::pause();
      break;
    case 2:
      ::select(0, nullptr, nullptr, nullptr, nullptr);
      break;
    case 3:
      ::syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr, nullptr, 0);
      break;
    default:
      if (::pipe2(ends, O_CLOEXEC) == 0) (void)!::read(ends[0], &byte, 1);
  }
}

int run(unsigned place) {
  end_after(2000ms);
  spawn([&] {
    end_after(2000ms);
    wait_for_ever(place);
    return 0;
  });
  wait_for_ever(place);
  return 0;
}

const Enrol kAttack{{.id = "A12",
                     .what = "wait for ever: sleep, pause, select, futex, read",
                     .run = run,
                     .statuses = {"wall_time_limit"},
                     .limits_hit = {"wall_time"},
                     .limits = {"wall_time=300ms"},
                     .cells = {.count = 5, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
