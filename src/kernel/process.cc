// Process: clone3(2), pidfds, signals.
#include "kernel/process.h"

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "kernel/files.h"

namespace retort::kernel {

using base::os_error;

Result<Child> fork_child(std::uint64_t flags, int into_group) {
  int pidfd = -1;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<__u64>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (into_group >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(into_group);
  }
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return os_error("clone3", "");
  return Child{.pid = static_cast<pid_t>(pid), .pidfd = Fd(pid > 0 ? pidfd : -1)};
}

Status send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
    return os_error("pidfd_send_signal", "");
  }
  return {};
}

Result<siginfo_t> reap(const Fd& pidfd) {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return os_error("waitid", "");
  return info;
}

Status close_descriptors_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, 0U) != 0) return os_error("close_range", "");
  return {};
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Status set_resource_limit(__rlimit_resource resource, std::uint64_t value) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  if (::setrlimit(resource, &limit) != 0) {
    return os_error(
        "setrlimit",
        "resource " + std::to_string(static_cast<int>(resource)) + " to " + std::to_string(value));
  }
  return {};
}

Status lower_resource_limit(__rlimit_resource resource, std::uint64_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return os_error("getrlimit", "");
  return set_resource_limit(resource, std::min<std::uint64_t>(value, now.rlim_max));
}

Status shed_favours() {
  if (::getpriority(PRIO_PROCESS, 0) < 0 && ::setpriority(PRIO_PROCESS, 0, 0) != 0) {
    return os_error("setpriority", "");
  }
  RETORT_TRY(const auto score, read_small_file(AT_FDCWD, "/proc/self/oom_score_adj"));
  if (!score.starts_with('-')) return {};
  return write_kernel_file(AT_FDCWD, "/proc/self/oom_score_adj", "0");
}

Status die_with_parent() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return os_error("prctl", "PR_SET_PDEATHSIG");
  return {};
}

}  // namespace retort::kernel
