// A02: fork bombs that do not call fork.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include <spawn.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 64;  // twice the limit
constexpr std::size_t kStack = 16384;

int run_clone3(unsigned) {
  struct {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } arguments{};
  arguments.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) ::_exit(0);
  expect_refused(child, {ENOSYS}, "clone3");
  return verdict();
}

// Shared by the whole chain: each child runs in its parent's memory, which waits for it.
int depth = 0;
int why_not = 0;

int clone_once_more(void*) {
  if (depth == kMost) return 0;
  std::vector<char> stack(kStack);
  ++depth;
  if (::clone(clone_once_more, stack.data() + kStack, CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr) <
      0) {
    --depth;
    why_not = errno;
  }
  return 0;
}

int run_vfork(unsigned) {
  clone_once_more(nullptr);
  expect(depth < kMost, "more processes than the limit");
  expect(why_not == EAGAIN, "vfork failed with something else than EAGAIN");
  return verdict();
}

int run_spawn(unsigned place) {
  if (place == 1) return ::pause();
  char name[] = "attack";
  char id[] = "A02c";
  char one[] = "1";
  char* const arguments[] = {name, id, one, nullptr};
  char* const variables[] = {nullptr};
  for (int i = 0; i < kMost; ++i) {
    pid_t child = 0;
    const int error =
        ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, variables);
    if (error == 0) continue;
    expect(error == EAGAIN, "posix_spawn failed with something else than EAGAIN");
    return verdict();
  }
  breach("more processes than the limit");
  return verdict();
}

const Enrol kClone3{{.id = "A02", .what = "fork by clone3, whose flags hide", .run = run_clone3}};
const Enrol kVfork{{.id = "A02b",
                    .what = "fork bomb by vfork",
                    .run = run_vfork,
                    .limits_hit = {"processes"},
                    .limits = {"processes=32"}}};
const Enrol kSpawn{{.id = "A02c",
                    .what = "fork bomb by posix_spawn",
                    .run = run_spawn,
                    .limits_hit = {"processes"},
                    .limits = {"processes=32"}}};

}  // namespace
}  // namespace retort::attacks
