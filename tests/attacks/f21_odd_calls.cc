// F21: calls that are old, odd, or whose state no control group counts.
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr unsigned long kBad = 8;  // no address

int run_queues(unsigned) {
  io_uring_params ring{};
  unsigned long context = 0;
  const Call calls[] = {
      {"io_uring_setup", SYS_io_uring_setup, {1, address_of(&ring)}, ENOSYS},
      {"io_uring_enter", SYS_io_uring_enter, {kMinusOne, 0, 0, 0}, ENOSYS},
      {"io_uring_register", SYS_io_uring_register, {kMinusOne, 0, 0, 0}, ENOSYS},
      {"io_setup", SYS_io_setup, {1, address_of(&context)}, ENOSYS},
      {"io_submit", SYS_io_submit, {0, 1, kBad}, ENOSYS},
      {"io_getevents", SYS_io_getevents, {0, 0, 0, 0, 0}, ENOSYS},
      {"io_pgetevents", SYS_io_pgetevents, {0, 0, 0, 0, 0, 0}, ENOSYS},
      {"io_cancel", SYS_io_cancel, {0, kBad, kBad}, ENOSYS},
      {"io_destroy", SYS_io_destroy, {0}, ENOSYS},
      {"inotify_init", SYS_inotify_init, {}, ENOSYS},
      {"inotify_init1", SYS_inotify_init1, {0}, ENOSYS},
      {"inotify_add_watch", SYS_inotify_add_watch, {kMinusOne, kBad, 1}, ENOSYS},
      {"inotify_rm_watch", SYS_inotify_rm_watch, {kMinusOne, 0}, ENOSYS},
      {"fanotify_init", SYS_fanotify_init, {0x200, 0}, EPERM},
      {"fanotify_mark", SYS_fanotify_mark, {kMinusOne, 1, 1, 0, kBad}, ENOSYS},
      {"a notification pipe", SYS_pipe2, {address_of(&context), O_EXCL}, ENOSYS},
      {"a notification pipe, not blocking",
       SYS_pipe2,
       {address_of(&context), O_EXCL | O_NONBLOCK | O_CLOEXEC},
       ENOSYS},
  };
  expect_answers(calls);
  return verdict();
}

const Enrol kQueues{{.id = "F21",
                     .what = "rings, watchers and notification pipes",
                     .run = run_queues,
                     .portable = true}};

int run_memory(unsigned) {
  char* page = touch(4096);
  const unsigned long at = address_of(page);
  unsigned char state[16] = {};
  const unsigned long map = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
  const Call calls[] = {
      {"MADV_MERGEABLE", SYS_madvise, {at, 4096, 12}, ENOSYS},
      {"MADV_MERGEABLE with upper bits", SYS_madvise, {at, 4096, 12 | kUpperBits}, ENOSYS},
      {"MADV_HWPOISON", SYS_madvise, {at, 4096, 100}, ENOSYS},
      {"MADV_SOFT_OFFLINE", SYS_madvise, {at, 4096, 101}, ENOSYS},
      {"process_madvise", SYS_process_madvise, {kMinusOne, kBad, 1, 4, 0}, EPERM},
      {"process_mrelease", SYS_process_mrelease, {kMinusOne, 0}, ENOSYS},
      {"mmap of huge pages", SYS_mmap, {0, 1UL << 21U, 3, map, kMinusOne, 0}, ENOSYS},
      {"memfd of huge pages", SYS_memfd_create, {address_of("x"), 4}, ENOSYS},
      {"shared memory of huge pages", SYS_shmget, {0, 1UL << 21U, SHM_HUGETLB | 0600}, ENOSYS},
      {"memfd_secret", SYS_memfd_secret, {0}, ENOSYS},
      {"mincore", SYS_mincore, {at, 4096, address_of(state)}, ENOSYS},
      {"cachestat", 451, {kMinusOne, kBad, kBad, 0}, ENOSYS},
      {"remap_file_pages", SYS_remap_file_pages, {at, 4096, 0, 0, 0}, ENOSYS},
      {"move_pages", SYS_move_pages, {0, 0, 0, 0, 0, 0}, EPERM},
      {"migrate_pages", SYS_migrate_pages, {0, 64, kBad, kBad}, EPERM},
      {"mbind", SYS_mbind, {at, 4096, 0, 0, 0, 0}, ENOSYS},
      {"set_mempolicy", SYS_set_mempolicy, {0, 0, 0}, ENOSYS},
      {"get_mempolicy", SYS_get_mempolicy, {0, 0, 0, 0, 0}, ENOSYS},
      {"modify_ldt", SYS_modify_ldt, {0, address_of(state), 16}, ENOSYS},
      {"ioperm", SYS_ioperm, {0, 0, 0}, EPERM},
      {"iopl", SYS_iopl, {0}, EPERM},
      {"personality, readable is executable", SYS_personality, {READ_IMPLIES_EXEC}, ENOSYS},
      {"personality, page zero", SYS_personality, {MMAP_PAGE_ZERO}, ENOSYS},
      {"personality, old memory layout", SYS_personality, {ADDR_COMPAT_LAYOUT}, ENOSYS},
      {"personality, another system's", SYS_personality, {4 /* PER_SVR4 */}, ENOSYS},
      {"readahead beyond the cache's own", SYS_readahead, {kMinusOne, 0, 1}, EBADF},
  };
  expect_answers(calls);
  return verdict();
}

const Enrol kMemory{{.id = "F21b",
                     .what = "huge, merged, secret and looked-at pages; odd layouts",
                     .run = run_memory,
                     .portable = true}};

int run_futexes(unsigned) {
  unsigned word = 0;
  unsigned other = 0;
  const unsigned long at = address_of(&word);
  const unsigned long to = address_of(&other);
  for (const unsigned long flags : {0UL, 128UL, 256UL, 384UL, kUpperBits}) {
    const Call calls[] = {
        {"FUTEX_LOCK_PI", SYS_futex, {at, FUTEX_LOCK_PI | flags, 0, 0, 0, 0}, ENOSYS},
        {"FUTEX_UNLOCK_PI", SYS_futex, {at, FUTEX_UNLOCK_PI | flags, 0, 0, 0, 0}, ENOSYS},
        {"FUTEX_TRYLOCK_PI", SYS_futex, {at, FUTEX_TRYLOCK_PI | flags, 0, 0, 0, 0}, ENOSYS},
        {"FUTEX_LOCK_PI2", SYS_futex, {at, 13 | flags, 0, 0, 0, 0}, ENOSYS},
        {"FUTEX_WAIT_REQUEUE_PI",
         SYS_futex,
         {at, FUTEX_WAIT_REQUEUE_PI | flags, 1, 0, to, 0},
         ENOSYS},
        {"FUTEX_CMP_REQUEUE_PI",
         SYS_futex,
         {at, FUTEX_CMP_REQUEUE_PI | flags, 1, 0, to, 0},
         ENOSYS},
        {"FUTEX_FD", SYS_futex, {at, FUTEX_FD | flags, 0, 0, 0, 0}, ENOSYS},
    };
    expect_answers(calls);
    word = 0;
  }
  const Call calls[] = {
      {"futex_waitv", SYS_futex_waitv, {kBad, 1, 0, 0, 0}, ENOSYS},
      {"futex_wake", 454, {at, 1, 1, 2}, ENOSYS},
      {"futex_wait", 455, {at, 1, 1, 2, 0, 0}, ENOSYS},
      {"futex_requeue", 456, {kBad, 0, 1, 1}, ENOSYS},
  };
  expect_answers(calls);
  return verdict();
}

const Enrol kFutexes{
    {.id = "F21c", .what = "futexes that inherit priority", .run = run_futexes, .portable = true}};

int run_files(unsigned) {
  const int file = ::open("/box/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int folder = ::open("/box", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  expect(file >= 0 && folder >= 0, "no file in /box");
  const auto at = static_cast<unsigned long>(file);
  const auto in = static_cast<unsigned long>(folder);
  const unsigned long path = address_of("/box/file");
  const unsigned long node = address_of("/box/node");
  const unsigned long name = address_of("user.retort");
  const unsigned long here = static_cast<unsigned long>(AT_FDCWD);
  for (const unsigned long upper : {0UL, kUpperBits}) {
    const Call calls[] = {
        {"a lease", SYS_fcntl, {at, F_SETLEASE | upper, F_WRLCK}, ENOSYS},
        {"a delegation", SYS_fcntl, {at, 1040 | upper, kBad}, ENOSYS},
        {"a folder's signals", SYS_fcntl, {in, F_NOTIFY | upper, 2}, ENOSYS},
        {"a folder's signals, for good", SYS_fcntl, {in, F_NOTIFY | upper, 0x8000'0002}, ENOSYS},
    };
    expect_answers(calls);
  }
  const Call calls[] = {
      {"a whiteout", SYS_mknod, {node, S_IFCHR | 0600, 0}, ENOSYS},
      {"a whiteout, at", SYS_mknodat, {here, node, S_IFCHR | 0600, 0}, ENOSYS},
      {"a character device", SYS_mknod, {node, S_IFCHR | 0600, 0x103}, ENOSYS},
      {"a block device", SYS_mknod, {node, S_IFBLK | 0600, 0x700}, ENOSYS},
      {"a block device, at", SYS_mknodat, {here, node, S_IFBLK | 0600, 0x700}, ENOSYS},
      {"setxattr", SYS_setxattr, {path, name, path, 1, 0}, EOPNOTSUPP},
      {"lsetxattr", SYS_lsetxattr, {path, name, path, 1, 0}, EOPNOTSUPP},
      {"fsetxattr", SYS_fsetxattr, {kMinusOne, name, path, 1, 0}, EOPNOTSUPP},
      {"removexattr", SYS_removexattr, {kBad, name}, EOPNOTSUPP},
      {"lremovexattr", SYS_lremovexattr, {kBad, name}, EOPNOTSUPP},
      {"fremovexattr", SYS_fremovexattr, {kMinusOne, name}, EOPNOTSUPP},
      {"setxattrat", 463, {kMinusOne, kBad, 0, kBad, kBad, 0}, ENOSYS},
      {"removexattrat", 466, {kMinusOne, kBad, 0, kBad}, ENOSYS},
      {"syncfs of nothing", SYS_syncfs, {kMinusOne}, 0},
      {"sync_file_range of nothing", SYS_sync_file_range, {kMinusOne, 0, 0, 0}, 0},
      {"throwing out pages of nothing", SYS_fadvise64, {kMinusOne, 0, 0, 4}, 0},
      {"throwing out pages, upper bits", SYS_fadvise64, {kMinusOne, 0, 0, 4 | kUpperBits}, 0},
      {"quotactl", SYS_quotactl, {kMinusOne, kBad, 0, kBad}, EPERM},
      {"quotactl_fd", SYS_quotactl_fd, {kMinusOne, 0, 0, 0}, EPERM},
      {"swapoff", SYS_swapoff, {kBad}, EPERM},
      {"acct", SYS_acct, {kBad}, EPERM},
      {"lookup_dcookie", SYS_lookup_dcookie, {0, kBad, 1}, ENOSYS},
      {"uselib", SYS_uselib, {kBad}, ENOSYS},
      {"ustat", SYS_ustat, {0, kBad}, ENOSYS},
      {"sysfs", SYS_sysfs, {3}, ENOSYS},
      {"_sysctl", SYS__sysctl, {kBad}, ENOSYS},
  };
  expect_answers(calls);
  expect_absent("/box/node");
  return verdict();
}

const Enrol kFiles{{.id = "F21d",
                    .what = "leases, device nodes, attributes, flushing, quotas",
                    .run = run_files,
                    .portable = true}};

}  // namespace
}  // namespace retort::attacks
