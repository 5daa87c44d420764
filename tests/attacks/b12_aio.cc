// B12: asynchronous I/O contexts, whose number is bounded for the whole host only.
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  aio_context_t context = 0;
  expect_refused(::syscall(SYS_io_setup, 1, &context), {ENOSYS}, "io_setup");
  char parameters[120] = {};
  expect_refused(::syscall(SYS_io_uring_setup, 1, parameters), {ENOSYS}, "io_uring_setup");
  return verdict();
}

const Enrol kAttack{{.id = "B12", .what = "asynchronous I/O contexts", .run = run, .exit_code = 0}};

}  // namespace
}  // namespace retort::attacks
