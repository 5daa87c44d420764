// Own filter rules: the system calls of Retort's own processes, found by their code and by tracing
// them.
#include "cell/filter_rules.h"

namespace retort::cell {
namespace {

// Memory, the end, and what libc does by itself.
#define RETORT_EVERYONE                                                                     \
  "brk mmap munmap mremap mprotect madvise futex rt_sigreturn rt_sigaction rt_sigprocmask " \
  "restart_syscall exit exit_group clock_gettime getrandom getpid gettid tgkill "

constexpr std::string_view kKeeper = RETORT_EVERYONE
    // The loop, its timers, and the client.
    "epoll_create1 epoll_ctl epoll_wait epoll_pwait timerfd_create timerfd_settime eventfd2 poll "
    "ppoll nanosleep clock_nanosleep sendmsg recvmsg socketpair pipe2 read write pread64 close "
    "close_range fcntl dup2 dup3 lseek flock "
    // Control groups and the instance's folder.
    "mknodat symlinkat fchmodat fchmodat2 openat openat2 newfstatat fstat statfs fstatfs "
    "getdents64 mkdirat mkdir rmdir unlink unlinkat "
    "readlinkat faccessat2 faccessat fchown "
    // Processes: making, ending, and what a new one does before it is retort-init.
    "clone3 clone wait4 waitid kill pidfd_send_signal pidfd_open prctl capset capget prlimit64 "
    "setrlimit getrlimit getpriority setpriority setresuid setresgid setgroups getuid geteuid "
    "getgid getegid execveat umask "
    // retort-init makes the cell.
    "execve arch_prctl set_tid_address set_robust_list rseq readlink unshare sethostname socket "
    "ioctl chdir fchdir fchownat setsid "
    "fsopen fsconfig fsmount move_mount open_tree mount_setattr mount umount2 pivot_root "
    "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self getrusage";

constexpr std::string_view kInit = RETORT_EVERYONE "read sendmsg close wait4 waitid getrusage";

constexpr std::string_view kReader =
    RETORT_EVERYONE "read pread64 write lseek close fcntl openat2 fstat newfstatat getdents64";

#undef RETORT_EVERYONE

}  // namespace

std::string_view own_calls(Own process) {
  switch (process) {
    case Own::keeper:
      return kKeeper;
    case Own::init:
      return kInit;
    case Own::reader:
      return kReader;
  }
  return {};
}

}  // namespace retort::cell
