// A09: look into the cell's first process, end it, and say in its name how the program ended.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "attacks/tools.h"
#include "cell/filter.h"

namespace retort::attacks {
namespace {

constexpr int kEnd = 7;  // what the verdict must be made of

int run(unsigned) {
  expect_refused(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr), {EPERM}, "ptrace of process 1");
  expect_refused(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr), {EPERM}, "seizing process 1");
  char byte = 0;
  const iovec here{.iov_base = &byte, .iov_len = 1};
  expect_refused(::process_vm_writev(1, &here, 1, &here, 1, 0), {EPERM}, "writing its memory");
  for (const char* path : {"/proc/1/mem", "/proc/1/fd/3", "/proc/1/root", "/proc/1/environ"}) {
    expect_refused(::open(path, O_RDONLY | O_CLOEXEC), {ENOENT, EACCES}, path);
    expect_refused(::open(path, O_RDWR | O_CLOEXEC), {ENOENT, EACCES}, path);
  }
  expect_refused(::kill(1, SIGKILL), {EPERM}, "killing process 1");
  const long pidfd = ::syscall(SYS_pidfd_open, 1, 0);
  if (pidfd >= 0) {
    expect_refused(::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0),
                   {EPERM},
                   "killing process 1 by its descriptor");
    expect_refused(::syscall(SYS_pidfd_getfd, pidfd, 3, 0), {EPERM}, "taking its socket");
  }
  // "It ended with 0", as retort-init would say it, to whoever listens.
  const std::uint32_t word[32] = {2, 0, 0, 0};
  for (int number = 3; number < 1024; ++number) {
    if (number == pidfd) continue;
    expect_refused(::write(number, word, sizeof word),
                   {EBADF},
                   "writing to descriptor " + std::to_string(number));
  }
  return verdict() == 0 ? kEnd : 1;
}

const Enrol kAttack{{.id = "A09",
                     .what = "get at the cell's first process and forge its words",
                     .run = run,
                     .statuses = {"nonzero_exit"},
                     .exit_code = kEnd}};
const Enrol kTraced{{.id = "A09b",
                     .what = "the same with the ptrace add-on",
                     .run = run,
                     .statuses = {"nonzero_exit"},
                     .exit_code = kEnd,
                     .add_ons = cell::kPtrace}};

}  // namespace
}  // namespace retort::attacks
