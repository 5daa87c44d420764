// Filter rules: the table. Derived from the default of the OCI engines, less what no compiler,
// interpreter or program of thirteen toolchains needed and what a cell must not have.
#include "cell/filter_rules.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <cerrno>
#include <sstream>

namespace retort::cell {
namespace {

constexpr Condition kNoNewNamespace[] = {
    {.argument = 0, .compare = Compare::masked_equal, .value = 0, .mask = 0x7E02'0000}};
constexpr Condition kMmapNoHuge[] = {
    {.argument = 3, .compare = Compare::masked_equal, .value = 0, .mask = MAP_HUGETLB}};
constexpr Condition kMemfdNoHuge[] = {
    {.argument = 1, .compare = Compare::masked_equal, .value = 0, .mask = MFD_HUGETLB}};
constexpr Condition kShmNoHuge[] = {
    {.argument = 2, .compare = Compare::masked_equal, .value = 0, .mask = SHM_HUGETLB}};
constexpr Condition kPipeNoNotification[] = {
    {.argument = 1, .compare = Compare::masked_equal, .value = 0, .mask = O_EXCL}};
constexpr Condition kNoOutOfBand2[] = {
    {.argument = 2, .compare = Compare::masked_equal, .value = 0, .mask = MSG_OOB}};
constexpr Condition kNoOutOfBand3[] = {
    {.argument = 3, .compare = Compare::masked_equal, .value = 0, .mask = MSG_OOB}};
constexpr Condition kUnix[] = {{.argument = 0, .compare = Compare::equal, .value = AF_UNIX}};
constexpr Condition kSocketLevel[] = {
    {.argument = 1, .compare = Compare::equal, .value = SOL_SOCKET}};
constexpr Condition kTcpLevel[] = {
    {.argument = 1, .compare = Compare::equal, .value = IPPROTO_TCP}};
constexpr Condition kIpv6Level[] = {
    {.argument = 1, .compare = Compare::equal, .value = IPPROTO_IPV6}};
#define RETORT_NODE(argument_, kind)                                                         \
  {                                                                                          \
    {                                                                                        \
      .argument = argument_, .compare = Compare::masked_equal, .value = kind, .mask = S_IFMT \
    }                                                                                        \
  }
constexpr Condition kMknod0[] = RETORT_NODE(1, 0);
constexpr Condition kMknodRegular[] = RETORT_NODE(1, S_IFREG);
constexpr Condition kMknodFifo[] = RETORT_NODE(1, S_IFIFO);
constexpr Condition kMknodSocket[] = RETORT_NODE(1, S_IFSOCK);
constexpr Condition kMknodat0[] = RETORT_NODE(2, 0);
constexpr Condition kMknodatRegular[] = RETORT_NODE(2, S_IFREG);
constexpr Condition kMknodatFifo[] = RETORT_NODE(2, S_IFIFO);
constexpr Condition kMknodatSocket[] = RETORT_NODE(2, S_IFSOCK);
#undef RETORT_NODE
#define RETORT_INTERNET(domain, kind)                           \
  {{.argument = 0, .compare = Compare::equal, .value = domain}, \
   {.argument = 1, .compare = Compare::masked_equal, .value = kind, .mask = 15}}
constexpr Condition kInetStream[] = RETORT_INTERNET(AF_INET, SOCK_STREAM);
constexpr Condition kInetDatagram[] = RETORT_INTERNET(AF_INET, SOCK_DGRAM);
constexpr Condition kInet6Stream[] = RETORT_INTERNET(AF_INET6, SOCK_STREAM);
constexpr Condition kInet6Datagram[] = RETORT_INTERNET(AF_INET6, SOCK_DGRAM);
#undef RETORT_INTERNET

constexpr std::uint64_t kIoctls[] = {TCGETS,
                                     TCSETS,
                                     TCSETSW,
                                     TCSETSF,
                                     0x802C542A /* TCGETS2 */,
                                     TIOCGPGRP,
                                     TIOCSPGRP,
                                     TIOCGWINSZ,
                                     TIOCSWINSZ,
                                     FIONREAD,
                                     FIONBIO,
                                     TIOCGSID,
                                     FIONCLEX,
                                     FIOCLEX,
                                     FIOASYNC,
                                     TIOCOUTQ};
// What the owner of a terminal needs besides. Not here: what feeds its input (TIOCSTI, TIOCLINUX),
// takes a console (TIOCCONS), changes its discipline (TIOCSETD), locks others out (TIOCEXCL), or
// makes another (TIOCGPTPEER).
constexpr std::uint64_t kTerminalIoctls[] = {TCFLSH,
                                             TCSBRK,
                                             TCSBRKP,
                                             TCXONC,
                                             0x402C542B /* TCSETS2 */,
                                             0x402C542C /* TCSETSW2 */,
                                             0x402C542D /* TCSETSF2 */,
                                             TIOCSCTTY,
                                             TIOCNOTTY};
constexpr std::uint64_t kSocketOptions[] = {SO_REUSEADDR,
                                            SO_BROADCAST,
                                            SO_SNDBUF,
                                            SO_RCVBUF,
                                            SO_KEEPALIVE,
                                            SO_LINGER,
                                            SO_REUSEPORT,
                                            SO_PASSCRED,
                                            SO_RCVTIMEO,
                                            SO_SNDTIMEO};
constexpr std::uint64_t kTcpOptions[] = {TCP_NODELAY,
                                         TCP_MAXSEG,
                                         TCP_CORK,
                                         TCP_KEEPIDLE,
                                         TCP_KEEPINTVL,
                                         TCP_KEEPCNT,
                                         TCP_QUICKACK,
                                         TCP_USER_TIMEOUT};
constexpr std::uint64_t kIpv6Options[] = {IPV6_V6ONLY};
constexpr std::uint64_t kFutexOperations[] = {FUTEX_WAIT,
                                              FUTEX_WAKE,
                                              FUTEX_REQUEUE,
                                              FUTEX_CMP_REQUEUE,
                                              FUTEX_WAKE_OP,
                                              FUTEX_WAIT_BITSET,
                                              FUTEX_WAKE_BITSET};
constexpr std::uint64_t kFutexFlags[] = {
    0, FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME};

// Every operation with every set of flags, since one_of compares whole values.
struct FutexCommands {
  std::uint64_t values[std::size(kFutexOperations) * std::size(kFutexFlags)] = {};
  constexpr FutexCommands() {
    std::size_t next = 0;
    for (const auto operation : kFutexOperations) {
      for (const auto flags : kFutexFlags) values[next++] = operation | flags;
    }
  }
};
constexpr FutexCommands kFutexCommands;

constexpr std::uint64_t kPrctls[] = {PR_SET_PDEATHSIG,
                                     PR_GET_PDEATHSIG,
                                     PR_GET_DUMPABLE,
                                     PR_SET_DUMPABLE,
                                     PR_GET_KEEPCAPS,
                                     PR_SET_NAME,
                                     PR_GET_NAME,
                                     PR_GET_SECCOMP,
                                     PR_CAPBSET_READ,
                                     PR_GET_TSC,
                                     PR_SET_TIMERSLACK,
                                     PR_GET_TIMERSLACK,
                                     PR_SET_CHILD_SUBREAPER,
                                     PR_GET_CHILD_SUBREAPER,
                                     PR_SET_NO_NEW_PRIVS,
                                     PR_GET_NO_NEW_PRIVS,
                                     PR_GET_TID_ADDRESS,
                                     PR_SET_THP_DISABLE,
                                     PR_GET_THP_DISABLE,
                                     PR_CAP_AMBIENT,
                                     PR_GET_SPECULATION_CTRL,
                                     PR_SET_TAGGED_ADDR_CTRL,
                                     PR_GET_TAGGED_ADDR_CTRL,
                                     PR_SET_VMA,
                                     PR_SET_PTRACER};
// 0xFFFFFFFF asks without changing anything.
constexpr std::uint64_t kPersonalities[] = {0,
                                            8 /* PER_LINUX32 */,
                                            0x20000 /* UNAME26 */,
                                            0x20008,
                                            0x40000 /* ADDR_NO_RANDOMIZE */,
                                            0x40008,
                                            0xFFFF'FFFF};

constexpr Rule kFiles[] = {
    {.calls = "access chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat "
              "faccessat2 "
              "fallocate fchmod fchmodat fchmodat2 fchown fchownat fdatasync flock fstat "
              "fstatfs fsync "
              "ftruncate futimesat getdents getdents64 getcwd chdir fchdir lchown link linkat "
              "lseek lstat mkdir "
              "mkdirat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev "
              "pwritev2 read readahead "
              "readlink readlinkat readv rename renameat renameat2 rmdir sendfile stat statfs "
              "statx symlink symlinkat "
              "truncate umask unlink unlinkat utime utimensat utimes write writev"},
    {.calls =
         "fgetxattr flistxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr"},
};
// The image's pages in memory are everyone's: whoever may throw one out signals to whoever must
// then wait for it, and slows down all others.
constexpr std::uint64_t kFileAdvices[] = {POSIX_FADV_NORMAL,
                                          POSIX_FADV_RANDOM,
                                          POSIX_FADV_SEQUENTIAL,
                                          POSIX_FADV_WILLNEED,
                                          POSIX_FADV_NOREUSE};
constexpr std::uint64_t kThrowOut[] = {POSIX_FADV_DONTNEED};
constexpr Rule kFileAdvice[] = {
    {.calls = "fadvise64", .one_of = kFileAdvices, .one_of_argument = 3}};
constexpr Rule kThrowingOut[] = {{.calls = "fadvise64", .one_of = kThrowOut, .one_of_argument = 3}};
// Commands are 32 bits in the kernel, so only lists of exact values can leave one out. Not here:
// F_SETLEASE, F_NOTIFY.
constexpr std::uint64_t kFcntls[] = {F_DUPFD,       F_GETFD,     F_SETFD,         F_GETFL,
                                     F_SETFL,       F_GETLK,     F_SETLK,         F_SETLKW,
                                     F_SETOWN,      F_GETOWN,    F_SETSIG,        F_GETSIG,
                                     F_SETOWN_EX,   F_GETOWN_EX, F_OFD_GETLK,     F_OFD_SETLK,
                                     F_OFD_SETLKW,  F_GETLEASE,  F_DUPFD_CLOEXEC, F_SETPIPE_SZ,
                                     F_GETPIPE_SZ,  F_ADD_SEALS, F_GET_SEALS,     F_GET_RW_HINT,
                                     F_SET_RW_HINT, 17 /* F_GETOWNER_UIDS */};
constexpr Rule kFileControl[] = {{.calls = "fcntl", .one_of = kFcntls, .one_of_argument = 1}};
constexpr Rule kNodes[] = {
    {.calls = "mknod", .all = kMknod0},
    {.calls = "mknod", .all = kMknodRegular},
    {.calls = "mknod", .all = kMknodFifo},
    {.calls = "mknod", .all = kMknodSocket},
    {.calls = "mknodat", .all = kMknodat0},
    {.calls = "mknodat", .all = kMknodatRegular},
    {.calls = "mknodat", .all = kMknodatFifo},
    {.calls = "mknodat", .all = kMknodatSocket},
};
// Likewise. Not here: MADV_MERGEABLE, MADV_HWPOISON, MADV_SOFT_OFFLINE.
constexpr std::uint64_t kAdvices[] = {MADV_NORMAL,
                                      MADV_RANDOM,
                                      MADV_SEQUENTIAL,
                                      MADV_WILLNEED,
                                      MADV_DONTNEED,
                                      MADV_FREE,
                                      MADV_REMOVE,
                                      MADV_DONTFORK,
                                      MADV_DOFORK,
                                      MADV_UNMERGEABLE,
                                      MADV_HUGEPAGE,
                                      MADV_NOHUGEPAGE,
                                      MADV_DONTDUMP,
                                      MADV_DODUMP,
                                      MADV_WIPEONFORK,
                                      MADV_KEEPONFORK,
                                      MADV_COLD,
                                      MADV_PAGEOUT,
                                      MADV_POPULATE_READ,
                                      MADV_POPULATE_WRITE,
                                      24 /* MADV_DONTNEED_LOCKED */,
                                      25 /* MADV_COLLAPSE */};
constexpr Rule kMemory[] = {
    {.calls = "brk membarrier mlock mlock2 mlockall mprotect mremap mseal msync munlock munlockall "
              "munmap pkey_alloc "
              "pkey_free pkey_mprotect map_shadow_stack"},
    {.calls = "mmap", .all = kMmapNoHuge},
    {.calls = "memfd_create", .all = kMemfdNoHuge},
    {.calls = "madvise", .one_of = kAdvices, .one_of_argument = 2},
};
constexpr Rule kProcesses[] = {
    {.calls = "clone", .all = kNoNewNamespace},
    {.calls = "arch_prctl execve execveat exit exit_group fork vfork wait4 waitid getpid getppid "
              "gettid getpgid getpgrp "
              "getsid setpgid setsid getrusage getrlimit getpriority "
              "setpriority get_robust_list "
              "set_robust_list set_tid_address get_thread_area set_thread_area rseq pidfd_open "
              "pidfd_send_signal "
              "restart_syscall uname sysinfo capget"},
    {.calls = "prctl", .one_of = kPrctls, .one_of_argument = 0},
    {.calls = "personality", .one_of = kPersonalities, .one_of_argument = 0},
};
// Of oneself only: retort-init may have the program's user id, and its limits are not the
// program's.
constexpr Condition kOwn[] = {{.argument = 0, .compare = Compare::equal, .value = 0}};
constexpr Condition kAsksOwn[] = {{.argument = 0, .compare = Compare::equal, .value = 0},
                                  {.argument = 2, .compare = Compare::equal, .value = 0}};
constexpr Condition kSetsOwn[] = {{.argument = 0, .compare = Compare::equal, .value = 0},
                                  {.argument = 2, .compare = Compare::greater, .value = 0}};
constexpr std::uint64_t kCore[] = {RLIMIT_CORE};
constexpr std::uint64_t kAllButCore[] = {RLIMIT_CPU,
                                         RLIMIT_FSIZE,
                                         RLIMIT_DATA,
                                         RLIMIT_STACK,
                                         RLIMIT_RSS,
                                         RLIMIT_NPROC,
                                         RLIMIT_NOFILE,
                                         RLIMIT_MEMLOCK,
                                         RLIMIT_AS,
                                         RLIMIT_LOCKS,
                                         RLIMIT_SIGPENDING,
                                         RLIMIT_MSGQUEUE,
                                         RLIMIT_NICE,
                                         RLIMIT_RTPRIO,
                                         RLIMIT_RTTIME};
constexpr Rule kResourceLimits[] = {
    {.calls = "setrlimit", .one_of = kAllButCore, .one_of_argument = 0},
    {.calls = "prlimit64", .all = kOwn, .one_of = kAllButCore, .one_of_argument = 1},
    {.calls = "prlimit64", .all = kAsksOwn, .one_of = kCore, .one_of_argument = 1},
};
constexpr Rule kCoreLimit[] = {
    {.calls = "setrlimit", .one_of = kCore, .one_of_argument = 0},
    {.calls = "prlimit64", .all = kSetsOwn, .one_of = kCore, .one_of_argument = 1},
};
constexpr Rule kIds[] = {
    {.calls = "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid "
              "setregid setresuid "
              "setresgid setfsuid setfsgid"},
};
constexpr Rule kScheduling[] = {
    {.calls =
         "getcpu ioprio_get sched_get_priority_max sched_get_priority_min sched_getaffinity "
         "sched_getattr "
         "sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam "
         "sched_setscheduler sched_yield"},
};
constexpr Rule kSignals[] = {
    {.calls = "kill tkill tgkill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
              "rt_sigreturn "
              "rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd signalfd4"},
};
constexpr Rule kTime[] = {
    {.calls = "alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep "
              "setitimer time "
              "timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
              "timerfd_create timerfd_gettime "
              "timerfd_settime times getrandom"},
};
constexpr Rule kEvents[] = {
    {.calls = "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
              "eventfd2 poll ppoll "
              "pselect6 select"},
    {.calls = "futex", .one_of = kFutexCommands.values, .one_of_argument = 1},
};
constexpr Rule kIpc[] = {
    {.calls = "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl "
              "msgget msgrcv msgsnd "
              "semctl semget semop semtimedop shmat shmctl shmdt pipe"},
    {.calls = "shmget", .all = kShmNoHuge},
    {.calls = "pipe2", .all = kPipeNoNotification},
};
constexpr Rule kTerminal[] = {{.calls = "ioctl", .one_of = kIoctls, .one_of_argument = 1}};
constexpr Rule kOwnTerminal[] = {
    {.calls = "ioctl", .one_of = kTerminalIoctls, .one_of_argument = 1}};
constexpr Rule kSockets[] = {
    {.calls = "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom "
              "recvmmsg recvmsg shutdown"},
    {.calls = "socket socketpair", .all = kUnix},
    {.calls = "sendto", .all = kNoOutOfBand3},
    {.calls = "sendmsg", .all = kNoOutOfBand2},
    {.calls = "sendmmsg", .all = kNoOutOfBand3},
    {.calls = "setsockopt", .all = kSocketLevel, .one_of = kSocketOptions, .one_of_argument = 2},
};
constexpr Rule kInternet[] = {
    {.calls = "socket", .all = kInetStream},
    {.calls = "socket", .all = kInetDatagram},
    {.calls = "socket", .all = kInet6Stream},
    {.calls = "socket", .all = kInet6Datagram},
    {.calls = "setsockopt", .all = kTcpLevel, .one_of = kTcpOptions, .one_of_argument = 2},
    {.calls = "setsockopt", .all = kIpv6Level, .one_of = kIpv6Options, .one_of_argument = 2},
};
constexpr Rule kPtrace[] = {{.calls = "ptrace process_vm_readv process_vm_writev"}};
constexpr Rule kInotify[] = {
    {.calls = "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch"}};
constexpr Rule kSync[] = {{.calls = "sync syncfs sync_file_range"}};
constexpr Rule kPrivileged[] = {
    {.calls = "acct add_key adjtimex bpf capset chroot clock_adjtime clock_settime delete_module "
              "fanotify_init "
              "finit_module fsconfig fsmount fsopen fspick init_module ioperm iopl ioprio_set kcmp "
              "kexec_file_load "
              "kexec_load keyctl migrate_pages mount mount_setattr move_mount move_pages "
              "open_by_handle_at open_tree "
              "perf_event_open pidfd_getfd pivot_root process_madvise quotactl quotactl_fd reboot "
              "request_key "
              "sched_setattr setdomainname setgroups sethostname setns settimeofday swapoff swapon "
              "syslog umount2 "
              "unshare userfaultfd vhangup"},
};
constexpr Rule kPtraceRefused[] = {{.calls = "ptrace process_vm_readv process_vm_writev"}};
constexpr Rule kAttributes[] = {
    {.calls = "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr"}};

constexpr Group kGroups[] = {
    {"files and folders, which the mount namespace bounds",
     Profile::base,
     Answer::allow,
     0,
     kFiles},
    {"advice on files, but none that takes pages of the image from everyone else",
     Profile::base,
     Answer::allow,
     0,
     kFileAdvice},
    {"descriptor flags and locks, but no leases on and no signals from shared files",
     Profile::base,
     Answer::allow,
     0,
     kFileControl},
    {"FIFOs and sockets, but no devices (an overlay's whiteout among them)",
     Profile::base,
     Answer::allow,
     0,
     kNodes},
    {"memory of one's own, which the control group bounds; no huge pages from the host's pool and "
     "no merging with "
     "other cells' pages",
     Profile::base,
     Answer::allow,
     0,
     kMemory},
    {"processes and threads, but no new namespace; clone3 hides its flags and answers ENOSYS",
     Profile::base,
     Answer::allow,
     0,
     kProcesses},
    {"resource limits, of which only less can be had",
     Profile::base,
     Answer::allow,
     0,
     kResourceLimits},
    {"the core limit stays at 1, which keeps the kernel from starting a piped core_pattern's "
     "helper outside the cell",
     Profile::base,
     Answer::error,
     0,
     kCoreLimit},
    {"ids: all but one are out of reach without a capability",
     Profile::base,
     Answer::allow,
     0,
     kIds},
    {"scheduling within what an ordinary user may", Profile::base, Answer::allow, 0, kScheduling},
    {"signals, which the pid namespace bounds", Profile::base, Answer::allow, 0, kSignals},
    {"clocks, timers, randomness", Profile::base, Answer::allow, 0, kTime},
    {"waiting for events; no priority-inheriting futexes, whose kernel code is intricate and whose "
     "need is rare",
     Profile::base,
     Answer::allow,
     0,
     kEvents},
    {"pipes, System V and POSIX IPC, which the ipc namespace bounds; no notification pipes",
     Profile::base,
     Answer::allow,
     0,
     kIpc},
    {"questions about a terminal; nothing that puts words into its input",
     Profile::base,
     Answer::allow,
     0,
     kTerminal},
    {"draining, flushing and taking a terminal of the cell's own; still nothing that puts words "
     "into "
     "its input",
     Profile::terminal,
     Answer::allow,
     0,
     kOwnTerminal},
    {"local sockets; no filters attached, no out-of-band data",
     Profile::base,
     Answer::allow,
     0,
     kSockets},
    {"internet sockets on the cell's own loopback; few options, so no upper-layer protocols and no "
     "multicast",
     Profile::loopback,
     Answer::allow,
     0,
     kInternet},
    {"debuggers and sanitizers, on the cell's own processes",
     Profile::ptrace,
     Answer::allow,
     0,
     kPtrace},
    {"file watchers", Profile::inotify, Answer::allow, 0, kInotify},
    {"flushing the host's disks: success without doing it", Profile::base, Answer::error, 0, kSync},
    {"throwing out pages that other cells use: success without doing it",
     Profile::base,
     Answer::error,
     0,
     kThrowingOut},
    {"privileged calls: EPERM, so that messages stay sane",
     Profile::base,
     Answer::error,
     EPERM,
     kPrivileged},
    {"looking into other processes without the ptrace add-on",
     Profile::base,
     Answer::error,
     EPERM,
     kPtraceRefused},
    {"extended attributes take kernel memory and carry nothing a program needs",
     Profile::base,
     Answer::error,
     EOPNOTSUPP,
     kAttributes},
};

}  // namespace

std::span<const Group> filter_rules() {
  return kGroups;
}

std::vector<std::string> call_names(std::string_view calls) {
  std::istringstream stream{std::string(calls)};
  std::vector<std::string> names;
  for (std::string name; stream >> name;) names.push_back(name);
  return names;
}

}  // namespace retort::cell
