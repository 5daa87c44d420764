// Filter: each rule by executing it, in a child of its own.
#include "cell/filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include <gtest/gtest.h>

#include "kernel/credentials.h"
#include "kernel/seccomp.h"

namespace retort::cell {
namespace {

// The errno that `attempt` ends with in a process of its own, 0 when it succeeds; 1000 + signal
// when it is killed.
int in_child(const std::function<long()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    errno = 0;
    ::_exit(attempt() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

int under_filter(Network network, std::uint32_t add_ons, const std::function<long()>& attempt) {
  return in_child([&] {
    if (!kernel::forbid_new_privileges() || !kernel::load_filter(filter_for(network, add_ons)))
      ::_exit(255);
    errno = 0;
    return attempt();
  });
}

int refused(const std::function<long()>& attempt) {
  return under_filter(Network::loopback, kNoAddOn, attempt);
}

TEST(Filter, LetsAnOrdinaryProgramWork) {
  EXPECT_EQ(refused([] { return ::syscall(SYS_getpid); }), 0);
  EXPECT_EQ(refused([] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }), 0);
  EXPECT_EQ(refused([] { return ::fork() == 0 ? (::_exit(0), 0L) : 0L; }), 0);
}

TEST(Filter, AllowsNoNewNamespace) {
  EXPECT_EQ(refused([] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }),
            ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_clone3, nullptr, 0); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::unshare(CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(refused([] { return ::setns(0, 0); }), EPERM);
}

TEST(Filter, ClosesWhatHoldsKernelState) {
  EXPECT_EQ(refused([] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_bpf, 0, 0, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_perf_event_open, 0, 0, 0, 0, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_userfaultfd, 0); }), EPERM);
  EXPECT_EQ(refused([] { return ::syscall(SYS_io_uring_setup, 1, 0); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_io_setup, 1, 0); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_splice, 0, 0, 0, 0, 0, 0); }), ENOSYS);
}

TEST(Filter, KillsForeignSystemCallInterfaces) {
  EXPECT_EQ(refused([] { return ::syscall(0x4000'0000 | SYS_getpid); }), 1000 + SIGSYS);
  const auto getpid_of_i386 = [] {
    long result = 20;
    asm volatile("int $0x80" : "+a"(result)::"memory");
    return result;
  };
  // A kernel without i386 (CONFIG_IA32_EMULATION, ia32_emulation=) takes the interrupt for a fault.
  const bool has_i386 = in_child(getpid_of_i386) != 1000 + SIGSEGV;
  EXPECT_EQ(refused(getpid_of_i386), 1000 + (has_i386 ? SIGSYS : SIGSEGV));
}

TEST(Filter, ComparesCommandsAs32Bits) {
  EXPECT_EQ(refused([] { return ::ioctl(0, TIOCSTI, "x"); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32U, "x"); }), ENOSYS);
  EXPECT_NE(refused([] { return ::syscall(SYS_ioctl, 0, TCGETS | 1UL << 32U, nullptr); }), ENOSYS);
}

TEST(Filter, LetsNoUpperBitsHideACommand) {
  constexpr unsigned long kUpper = 1UL << 32U;
  EXPECT_EQ(refused([] { return ::syscall(SYS_fcntl, 0, F_SETLEASE, F_WRLCK); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_fcntl, 0, F_SETLEASE | kUpper, F_WRLCK); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_fcntl, 0, F_NOTIFY | kUpper, 1); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_madvise, nullptr, 0, MADV_MERGEABLE); }), ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_madvise, nullptr, 0, MADV_MERGEABLE | kUpper); }),
            ENOSYS);
  EXPECT_EQ(refused([] { return ::syscall(SYS_madvise, nullptr, 0, MADV_DONTNEED); }), 0);
  EXPECT_EQ(refused([] { return ::fcntl(0, F_GETFD); }), 0);
}

TEST(Filter, LetsNobodyLimitOthers) {
  EXPECT_EQ(refused([] {
              return ::syscall(SYS_prlimit64, ::getppid(), RLIMIT_NOFILE, nullptr, nullptr);
            }),
            ENOSYS);
}

TEST(Filter, OpensInternetSocketsOnlyWithLoopback) {
  const auto internet = [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); };
  EXPECT_EQ(under_filter(Network::loopback, kNoAddOn, internet), 0);
  EXPECT_EQ(under_filter(Network::none, kNoAddOn, internet), ENOSYS);
  for (const Network network : {Network::none, Network::loopback}) {
    EXPECT_EQ(under_filter(network, kNoAddOn, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), 0);
    for (const int family : {AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG}) {
      EXPECT_EQ(under_filter(network, kNoAddOn, [=] { return ::socket(family, SOCK_RAW, 0); }),
                ENOSYS)
          << family;
    }
  }
  EXPECT_EQ(refused([] { return ::socket(AF_INET, SOCK_RAW, 1); }), ENOSYS);
}

TEST(Filter, RefusesDevicesAndHugePages) {
  EXPECT_EQ(refused([] { return ::mknod("/tmp/retort-filter-test", S_IFCHR | 0600, 0); }), ENOSYS);
  EXPECT_EQ(
      refused([] {
        return ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) ==
                       MAP_FAILED
                   ? -1
                   : 0;
      }),
      ENOSYS);
}

TEST(Filter, GivesAddOnsOnlyWhenAsked) {
  const auto trace = [] { return ::syscall(SYS_ptrace, 0, 0, 0, 0); };
  const auto watch = [] { return ::syscall(SYS_inotify_init1, 0); };
  EXPECT_EQ(under_filter(Network::none, kNoAddOn, trace), EPERM);
  EXPECT_EQ(under_filter(Network::none, kPtrace, trace), 0);
  EXPECT_EQ(under_filter(Network::none, kNoAddOn, watch), ENOSYS);
  EXPECT_EQ(under_filter(Network::none, kInotify, watch), 0);
}

TEST(Filter, KeepsTheCoreLimitWhereItIs) {
  // A piped core_pattern starts its helper for a limit of 0, and not for 1 (core(5)).
  const auto after = [](const std::function<void(const rlimit*)>& set) {
    return under_filter(Network::none, kNoAddOn, [&] {
      const rlimit none{};
      set(&none);
      rlimit now{};
      ::syscall(SYS_prlimit64, 0, RLIMIT_CORE, nullptr, &now);
      return now.rlim_cur == 1 ? 0L : (errno = ERANGE, -1L);
    });
  };
  ASSERT_EQ(::setrlimit(RLIMIT_CORE, std::array{rlimit{1, 1}}.data()), 0);
  EXPECT_EQ(after([](const rlimit* none) { ::syscall(SYS_setrlimit, RLIMIT_CORE, none); }), 0);
  EXPECT_EQ(
      after([](const rlimit* none) { ::syscall(SYS_prlimit64, 0, RLIMIT_CORE, none, nullptr); }),
      0);
  EXPECT_EQ(
      after([](const rlimit* none) { ::syscall(SYS_setrlimit, RLIMIT_CORE | 1UL << 32U, none); }),
      0);
  EXPECT_EQ(refused([] {
              const rlimit files{10, 10};
              return ::syscall(SYS_setrlimit, RLIMIT_NOFILE, &files);
            }),
            0);
}

TEST(Filter, MakesSyncASuccessThatDoesNothing) {
  EXPECT_EQ(refused([] { return ::syscall(SYS_syncfs, -1); }), 0)
      << "a bad descriptor is not even looked at";
}

}  // namespace
}  // namespace retort::cell
