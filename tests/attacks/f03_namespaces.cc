// F03: a namespace of one's own, and the kernel code behind it.
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>

#include <csignal>
#include <string>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr struct {
  const char* name;
  unsigned long flag;
} kKinds[] = {{"user", CLONE_NEWUSER},
              {"mount", CLONE_NEWNS},
              {"pid", CLONE_NEWPID},
              {"network", CLONE_NEWNET},
              {"IPC", CLONE_NEWIPC},
              {"UTS", CLONE_NEWUTS},
              {"group", CLONE_NEWCGROUP}};

int run(unsigned) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  for (const auto& kind : kKinds) {
    const std::string name = kind.name;
    expect_answer({("unshare, " + name).c_str(), SYS_unshare, {kind.flag}, EPERM});
    expect_answer({("clone, " + name).c_str(), SYS_clone, {kind.flag | SIGCHLD}, ENOSYS});
    expect_answer(
        {("unshare, user and " + name).c_str(), SYS_unshare, {CLONE_NEWUSER | kind.flag}, EPERM});
    expect_answer({("unshare with upper bits, " + name).c_str(),
                   SYS_unshare,
                   {kind.flag | kUpperBits},
                   EPERM});
  }
  const Call calls[] = {
      {"unshare, time", SYS_unshare, {CLONE_NEWTIME}, EPERM},
      {"unshare of nothing", SYS_unshare, {0}, EPERM},
      {"clone3", SYS_clone3, {address_of(&arguments), sizeof arguments}, ENOSYS},
      {"clone3 without arguments", SYS_clone3, {0, 0}, ENOSYS},
      {"setns", SYS_setns, {kMinusOne, 0}, EPERM},
  };
  expect_answers(calls);
  return verdict();
}

// Behind the filter stands the bound on namespaces: by whatever answer, none is made.
int run_made(unsigned) {
  for (const auto& kind : kKinds) {
    const bool alone = survives([&] { return ::unshare(static_cast<int>(kind.flag)); });
    expect(!alone, std::string("made a namespace: ") + kind.name);
    const bool within =
        survives([&] { return ::unshare(static_cast<int>(CLONE_NEWUSER | kind.flag)); });
    expect(!within, std::string("made a namespace in a user namespace: ") + kind.name);
  }
  return verdict();
}

const Enrol kMade{{.id = "F03b", .what = "make namespaces by any means", .run = run_made}};

const Enrol kAttack{
    {.id = "F03", .what = "make and enter namespaces", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
