// Filter relaxations: test-only. What each part of the filter keeps out, as calls that a weakened
// build allows whatever their arguments (base/weaken.h); compiled into make-filters alone.
#include "cell/filter_rules.h"

namespace retort::cell {
namespace {

constexpr Relaxation kRelaxations[] = {
    {"namespaces", "clone clone3 unshare setns"},
    {"mounts",
     "mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree "
     "mount_setattr"},
    {"keys", "add_key keyctl request_key"},
    {"bpf", "bpf"},
    {"performance-events", "perf_event_open"},
    {"userfaultfd", "userfaultfd"},
    {"io-uring", "io_uring_setup io_uring_enter io_uring_register"},
    {"aio", "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents"},
    {"splice", "splice tee vmsplice"},
    {"inotify", "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch"},
    {"fanotify", "fanotify_init fanotify_mark"},
    {"ptrace", "ptrace process_vm_readv process_vm_writev"},
    {"other-processes",
     "kcmp pidfd_getfd process_madvise process_mrelease move_pages migrate_pages"},
    {"sockets", "socket socketpair"},
    {"socket-options", "setsockopt"},
    {"out-of-band", "sendto sendmsg sendmmsg"},
    {"ioctl", "ioctl"},
    {"fcntl", "fcntl"},
    {"madvise", "madvise"},
    {"huge-pages", "mmap shmget memfd_create"},
    {"memory-oddities", "memfd_secret remap_file_pages modify_ldt"},
    {"prctl", "prctl"},
    {"personality", "personality"},
    {"nodes", "mknod mknodat"},
    {"attributes", "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr"},
    {"sync", "sync syncfs sync_file_range"},
    {"resource-limits", "setrlimit prlimit64"},
    {"handles", "name_to_handle_at open_by_handle_at"},
    {"observation", "mincore cachestat statmount listmount"},
    {"pipes", "pipe2"},
    {"futex", "futex"},
    {"modules", "init_module finit_module delete_module kexec_load kexec_file_load"},
    {"clocks", "settimeofday clock_settime adjtimex clock_adjtime"},
    {"ports", "iopl ioperm"},
    {"host",
     "reboot swapon swapoff acct syslog quotactl quotactl_fd vhangup sethostname setdomainname"},
    {"scheduling", "sched_setattr ioprio_set set_mempolicy mbind get_mempolicy"},
    {"filters-of-its-own",
     "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
    {"foreign-interfaces", ""},
};

}  // namespace

std::span<const Relaxation> filter_relaxations() {
  return kRelaxations;
}

}  // namespace retort::cell
