// H08: ids that two cells might have in common, and what they reach by them.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

// /proc/sys/fs/pipe-user-pages-soft is 16384 pages of 4 KiB for each id of the host.
constexpr int kPipes = 60;
constexpr int kPipeBytes = 1 << 20;

int run(unsigned) {
  // The map says which ids of the host stand behind those of the cell.
  std::printf("ids %s\n", read_file("/proc/self/uid_map").substr(0, 200).c_str());
  std::string map = read_file("/proc/self/uid_map");
  for (char& letter : map) {
    if (letter == '\n') letter = ';';
  }
  std::printf("uid_map %s\n", map.c_str());
  const pid_t self = ::getpid();
  for (int id = 3; id < 65536; ++id) {
    if (id == self) continue;
    expect_refused(::kill(id, 0), {ESRCH}, "process " + std::to_string(id) + " is there");
    if (id > 4096) continue;
    expect_refused(::syscall(SYS_prlimit64, id, RLIMIT_NOFILE, nullptr, nullptr),
                   {ENOSYS},
                   "limits of process " + std::to_string(id));
    expect_refused(::access(("/proc/" + std::to_string(id)).c_str(), F_OK),
                   {ENOENT},
                   "/proc of process " + std::to_string(id));
  }
  errno = 0;
  expect_refused(::kill(-1, SIGKILL), {ESRCH}, "kill everyone");
  // Pages of pipes are counted by the id outside: each cell has the whole allowance.
  for (int i = 0; i < kPipes; ++i) {
    int pipe[2] = {-1, -1};
    expect(
        ::pipe2(pipe, O_CLOEXEC) == 0 && ::fcntl(pipe[1], F_SETPIPE_SZ, kPipeBytes) == kPipeBytes,
        "pipe " + std::to_string(i) + " has no room: another's pipes are counted here");
  }
  ::usleep(800'000);
  return verdict();
}

const Enrol kAttack{{.id = "H08",
                     .what = "other cells by ids of the host that they share",
                     .run = run,
                     .differs = "uid_map ",
                     .cells = {.count = 3, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
