// F21e, F21f, F21g: other processes' memory and limits; switches of one's own that stay where they
// are.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include <csignal>

#include "attacks/calls.h"
#include "cell/filter.h"

namespace retort::attacks {
namespace {

constexpr unsigned long kBad = 8;  // no address

int run(unsigned) {
  const pid_t child = spawn([] { return ::pause(); });
  const auto other = static_cast<unsigned long>(child);
  const auto self = static_cast<unsigned long>(::getpid());
  rlimit limit{};
  const rlimit low{.rlim_cur = 8, .rlim_max = 8};
  const Call calls[] = {
      {"ptrace, of a child", SYS_ptrace, {PTRACE_SEIZE, other, 0, 0}, EPERM},
      {"ptrace, of process 1", SYS_ptrace, {PTRACE_SEIZE, 1, 0, 0}, EPERM},
      {"ptrace, by the parent", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}, EPERM},
      {"process_vm_readv", SYS_process_vm_readv, {other, kBad, 1, kBad, 1, 1}, EPERM},
      {"process_vm_writev", SYS_process_vm_writev, {other, kBad, 1, kBad, 1, 1}, EPERM},
      {"kcmp", SYS_kcmp, {self, other, 0, 0, 0}, EPERM},
      {"pidfd_getfd", SYS_pidfd_getfd, {kMinusOne, 0, 0xFFFF}, EPERM},
      {"prlimit of a child", SYS_prlimit64, {other, RLIMIT_NOFILE, address_of(&low), 0}, ENOSYS},
      {"prlimit of a child, only asking",
       SYS_prlimit64,
       {other, RLIMIT_NOFILE, 0, address_of(&limit)},
       ENOSYS},
      {"prlimit of process 1", SYS_prlimit64, {1, RLIMIT_NOFILE, address_of(&low), 0}, ENOSYS},
      {"prlimit of oneself by number",
       SYS_prlimit64,
       {self, RLIMIT_NOFILE, 0, address_of(&limit)},
       ENOSYS},
      {"sched_setattr", SYS_sched_setattr, {0, 0, 0}, EPERM},
      {"ioprio_set", SYS_ioprio_set, {1, 0, 3UL << 13U}, EPERM},
      {"adjtimex", SYS_adjtimex, {kBad}, EPERM},
      {"clock_adjtime", SYS_clock_adjtime, {0, kBad}, EPERM},
      {"clock_settime", SYS_clock_settime, {0, kBad}, EPERM},
      {"settimeofday", SYS_settimeofday, {kBad, 0}, EPERM},
      {"capset", SYS_capset, {kBad, kBad}, EPERM},
      {"setgroups", SYS_setgroups, {1UL << 20U, kBad}, EPERM},
      {"sethostname", SYS_sethostname, {kBad, 1}, EPERM},
      {"setdomainname", SYS_setdomainname, {kBad, 1}, EPERM},
      {"syslog", SYS_syslog, {10, 0, 0}, EPERM},
      {"kexec_load", SYS_kexec_load, {0, 0, 0, 0}, EPERM},
      {"finit_module", SYS_finit_module, {kMinusOne, kBad, 0}, EPERM},
      {"delete_module", SYS_delete_module, {kBad, 0}, EPERM},
      {"reboot", SYS_reboot, {0, 0, 0, 0}, EPERM},
      {"landlock_create_ruleset", SYS_landlock_create_ruleset, {0, 0, 1}, ENOSYS},
      {"rseq of another size", SYS_rseq, {kBad, 1, 0, 0}, EINVAL},
  };
  expect_answers(calls);
  ::kill(child, SIGKILL);
  wait_for(child);
  return verdict();
}

const Enrol kAttack{{.id = "F21e",
                     .what = "other processes' memory, descriptors and limits",
                     .run = run,
                     .portable = true}};

// With the add-on a program can make retort-init its tracer: it stops at its next signal, which is
// no end, and least of all one with an exit code.
int run_traced(unsigned) {
  expect_answer({"PTRACE_TRACEME with the add-on", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}, 0});
  if (verdict() == 0) ::raise(SIGUSR1);
  return verdict();
}

const Enrol kTraced{{.id = "F21g",
                     .what = "a program that has the cell's first process trace it",
                     .run = run_traced,
                     .statuses = {"wall_time_limit"},
                     .limits_hit = {"wall_time"},
                     .limits = {"wall_time=500ms"},
                     .add_ons = cell::kPtrace}};

struct Switch {
  const char* name;
  unsigned long number;
};
constexpr Switch kSwitches[] = {{"PR_SET_MM", PR_SET_MM},
                                {"PR_SET_SECUREBITS", PR_SET_SECUREBITS},
                                {"PR_GET_SECUREBITS", PR_GET_SECUREBITS},
                                {"PR_SET_KEEPCAPS", PR_SET_KEEPCAPS},
                                {"PR_CAPBSET_DROP", PR_CAPBSET_DROP},
                                {"PR_SET_SYSCALL_USER_DISPATCH", 59},
                                {"PR_SCHED_CORE", 62},
                                {"PR_SET_IO_FLUSHER", 57},
                                {"PR_SET_MEMORY_MERGE", 67},
                                {"PR_GET_MEMORY_MERGE", 68},
                                {"PR_SET_MDWE", 65},
                                {"PR_SET_TSC", PR_SET_TSC},
                                {"PR_MCE_KILL", PR_MCE_KILL},
                                {"PR_SET_SPECULATION_CTRL", PR_SET_SPECULATION_CTRL},
                                {"PR_SET_UNALIGN", PR_SET_UNALIGN},
                                {"an unknown one", 9999}};

int run_switches(unsigned) {
  for (const Switch& one : kSwitches) {
    expect_answer({one.name, SYS_prctl, {one.number, 1, 1, 0, 0}, ENOSYS});
    expect_answer({one.name, SYS_prctl, {one.number | kUpperBits, 1, 1, 0, 0}, ENOSYS});
  }
  // The core limit: success that changes nothing, whatever is asked for.
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  const rlimit old{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  const unsigned long core = RLIMIT_CORE;
  const Call calls[] = {
      {"setrlimit", SYS_setrlimit, {core, address_of(&none)}, 0},
      {"setrlimit to no bound", SYS_setrlimit, {core, address_of(&old)}, 0},
      {"setrlimit with upper bits", SYS_setrlimit, {core | kUpperBits, address_of(&none)}, 0},
      {"setrlimit from no address", SYS_setrlimit, {core, kBad}, 0},
      {"prlimit", SYS_prlimit64, {0, core, address_of(&none), 0}, 0},
      {"prlimit with upper bits", SYS_prlimit64, {0, core | kUpperBits, address_of(&none), 0}, 0},
      {"prlimit to no bound", SYS_prlimit64, {0, core, address_of(&old), 0}, 0},
  };
  expect_answers(calls);
  rlimit now{};
  ::getrlimit(RLIMIT_CORE, &now);
  expect(now.rlim_cur == 1 && now.rlim_max == 1,
         "the core limit is " + std::to_string(now.rlim_cur) + ", which starts host programs");
  return verdict();
}

const Enrol kSwitched{{.id = "F21f",
                       .what = "switches of a process; the core limit, which reaches the host",
                       .run = run_switches,
                       .portable = true}};

}  // namespace
}  // namespace retort::attacks
