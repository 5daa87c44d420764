// F13: userfaultfd, which holds the kernel still in the middle of a copy.
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const Call calls[] = {
      {"userfaultfd", SYS_userfaultfd, {0}, EPERM},
      {"userfaultfd, user mode only", SYS_userfaultfd, {1}, EPERM},
      {"userfaultfd, unknown flags", SYS_userfaultfd, {1 | 0x8000}, EPERM},
  };
  expect_answers(calls);
  expect_absent("/dev/userfaultfd");
  return verdict();
}

const Enrol kAttack{{.id = "F13", .what = "userfaultfd", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
