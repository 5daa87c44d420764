// Probe: each feature in the way that a cell uses it, through the same functions where there are
// any.
#include "kernel/probe.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <csignal>
#include <cstddef>
#include <span>
#include <string>

#include "kernel/credentials.h"
#include "kernel/files.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "kernel/process.h"
#include "kernel/seccomp.h"
#include "kernel/terminal.h"

namespace retort::kernel {

using base::Error;
using base::Fault;
using base::os_error;

namespace {

constexpr unsigned kPatience = 20;  // seconds

// What a child says of its attempt; `length` bytes of text are all that matters of `text`.
struct Word {
  bool failed = false;
  Fault fault = Fault::internal;
  int error_number = 0;
  std::size_t length = 0;
  std::array<char, 1024> text{};
};
static_assert(sizeof(Word) <= PIPE_BUF);  // one write, whole

[[noreturn]] void attempt_and_tell(const std::function<Status()>& attempt, const Fd& pipe) {
  reset_signals();
  ::alarm(kPatience);
  Word word;
  if (const Status result = attempt(); !result) {
    const Error& error = result.error();
    word.failed = true;
    word.fault = error.fault;
    word.error_number = error.os_errno;
    word.length = error.what.copy(word.text.data(), word.text.size());
  }
  (void)write_all(pipe, std::as_bytes(std::span(&word, 1)));
  ::_exit(0);
}

Error unspoken(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return Error{Fault::internal, "no answer after " + std::to_string(kPatience) + " seconds", 0};
  }
  const std::string how = WIFSIGNALED(status)
                              ? "was killed by signal " + std::to_string(WTERMSIG(status))
                              : "ended with " + std::to_string(WEXITSTATUS(status));
  return Error{Fault::internal, "the process that tried it " + how, 0};
}

// In a child only. Our own id becomes 0 of the new namespace, as for the keeper of an ordinary
// user.
Status enter_user_namespace() {
  const unsigned user = ::geteuid();
  const unsigned group = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) return os_error("unshare", "CLONE_NEWUSER");
  const std::array users = {IdRange{.inside = 0, .outside = user, .count = 1}};
  const std::array groups = {IdRange{.inside = 0, .outside = group, .count = 1}};
  return map_ids(::getpid(), users, groups);
}

Status make_namespace(int flag, const char* name) {
  if (::unshare(flag) != 0) return os_error("unshare", name);
  return {};
}

Status enter_with_mounts() {
  RETORT_CHECK(enter_user_namespace());
  RETORT_CHECK(make_namespace(CLONE_NEWNS, "CLONE_NEWNS"));
  return make_all_private();
}

// A tmpfs over /tmp that only the child's mount namespace has, and the child in it.
Status enter_scratch() {
  RETORT_TRY(const Fd scratch,
             make_filesystem("tmpfs", {{"source", "probe"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  RETORT_CHECK(attach(scratch, AT_FDCWD, "/tmp"));
  if (::chdir("/tmp") != 0) return os_error("chdir", "/tmp");
  return {};
}

Status is_read_only(const Fd& mount, const std::string& name) {
  struct statvfs info{};
  if (::fstatvfs(mount.get(), &info) != 0) return os_error("fstatvfs", name);
  if ((info.f_flag & ST_RDONLY) == 0)
    return Error{Fault::unsupported, name + " is not read-only", 0};
  return {};
}

template <typename T>
Status status_of(const Result<T>& result) {
  return result ? Status() : Status(result.error());
}

}  // namespace

Status try_in_child(const std::function<Status()>& attempt) {
  RETORT_TRY(Pipe pipe, make_pipe());
  // fork(2), since clone3(2) is among what is asked for.
  const pid_t child = ::fork();
  if (child < 0) return os_error("fork", "");
  if (child == 0) attempt_and_tell(attempt, pipe.write_end);
  pipe.write_end.reset();
  Word word;
  const auto count = read_full(pipe.read_end, std::as_writable_bytes(std::span(&word, 1)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return os_error("waitpid", "");
  }
  RETORT_CHECK(count);
  if (*count != sizeof word || word.length > word.text.size()) return unspoken(status);
  if (word.failed)
    return Error{word.fault, std::string(word.text.data(), word.length), word.error_number};
  return {};
}

Status probe_user_namespace() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_user_namespace());
    // AppArmor may let a namespace be made and then refuse its capabilities.
    return make_namespace(CLONE_NEWUTS, "CLONE_NEWUTS in a user namespace");
  });
}

Status probe_namespaces() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_with_mounts());
    RETORT_CHECK(make_namespace(CLONE_NEWNET, "CLONE_NEWNET"));
    RETORT_CHECK(raise_loopback());
    RETORT_CHECK(make_namespace(CLONE_NEWIPC, "CLONE_NEWIPC"));
    RETORT_CHECK(make_namespace(CLONE_NEWUTS, "CLONE_NEWUTS"));
    if (::sethostname("retort", 6) != 0) return os_error("sethostname", "");
    RETORT_CHECK(make_namespace(CLONE_NEWCGROUP, "CLONE_NEWCGROUP"));
    RETORT_CHECK(hide_uptime());
    RETORT_CHECK(make_namespace(CLONE_NEWPID, "CLONE_NEWPID"));
    return try_in_child([]() -> Status {
      if (::getpid() != 1)
        return Error{Fault::unsupported, "the first process of a PID namespace is not 1", 0};
      return {};
    });
  });
}

Status probe_namespace_limits() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_user_namespace());
    return forbid_new_namespaces();
  });
}

Status probe_mount_calls() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_with_mounts());
    RETORT_CHECK(enter_scratch());
    RETORT_TRY(const Fd copy, copy_mount(AT_FDCWD, ".", MOUNT_ATTR_RDONLY));
    return is_read_only(copy, "mount_setattr: the copy of a mount");
  });
}

Status probe_overlay() {
  return try_in_child([]() -> Status {
    if (::geteuid() == 0) {
      RETORT_CHECK(make_namespace(CLONE_NEWNS, "CLONE_NEWNS"));
      RETORT_CHECK(make_all_private());
    } else {
      RETORT_CHECK(enter_with_mounts());
    }
    RETORT_CHECK(enter_scratch());
    RETORT_CHECK(make_directory(AT_FDCWD, "usr", 0755));
    RETORT_CHECK(make_directory(AT_FDCWD, "empty", 0755));
    RETORT_TRY(const Fd usr, copy_mount(AT_FDCWD, "/usr", MOUNT_ATTR_RDONLY));
    RETORT_CHECK(attach(usr, AT_FDCWD, "usr"));
    return try_in_child([]() -> Status {
      RETORT_CHECK(enter_with_mounts());
      RETORT_TRY(const Fd overlay,
                 make_filesystem("overlay",
                                 {{"source", "image"}, {"lowerdir", "usr:empty"}},
                                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
      RETORT_CHECK(open_at(overlay.get(), "bin", O_PATH | O_DIRECTORY));
      return is_read_only(overlay, "the overlay");
    });
  });
}

Status probe_tmpfs() {
  return try_in_child([]() -> Status {
    constexpr unsigned kInodes = 16;
    RETORT_CHECK(enter_with_mounts());
    RETORT_TRY(const Fd memory,
               make_filesystem(
                   "tmpfs",
                   {{"source", "probe"}, {"size", "65536"}, {"nr_inodes", std::to_string(kInodes)}},
                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
    struct statvfs info{};
    if (::fstatvfs(memory.get(), &info) != 0) return os_error("fstatvfs", "tmpfs");
    if (info.f_files != kInodes)
      return Error{Fault::unsupported, "tmpfs takes no notice of nr_inodes", 0};
    return {};
  });
}

Status probe_terminals() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_with_mounts());
    RETORT_TRY(const Terminal terminal, make_terminal(std::nullopt));
    RETORT_CHECK(set_terminal_size(terminal.master, {.rows = 24, .columns = 80}));
    if (open_at(terminal.folder.get(), "ptmx", O_RDWR | O_NOCTTY))
      return Error{Fault::unsupported, "devpts takes no notice of max", 0};
    return {};
  });
}

Status probe_proc() {
  return try_in_child([]() -> Status {
    RETORT_CHECK(enter_with_mounts());
    RETORT_CHECK(make_namespace(CLONE_NEWPID, "CLONE_NEWPID"));
    return try_in_child([]() -> Status {
      RETORT_TRY(const Fd proc,
                 make_filesystem("proc",
                                 {{"source", "proc"}, {"subset", "pid"}, {"hidepid", "invisible"}},
                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
      if (open_at(proc.get(), "meminfo", O_PATH)) {
        return Error{Fault::unsupported, "proc takes no notice of subset=pid", 0};
      }
      return status_of(open_at(proc.get(), "1/stat", O_PATH));
    });
  });
}

Status probe_openat2() {
  RETORT_TRY(const Fd folder, open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
  RETORT_CHECK(open_beneath(folder, ".", O_PATH | O_DIRECTORY));
  const auto outside = open_beneath(folder, "..", O_PATH | O_DIRECTORY);
  if (outside || outside.error().os_errno != EXDEV) {
    return Error{Fault::unsupported, "openat2: RESOLVE_BENEATH does not hold", 0};
  }
  return {};
}

Status probe_clone3() {
  return try_in_child([]() -> Status {
    RETORT_TRY(const Child child, fork_child(0));
    if (child.pid == 0) ::_exit(0);
    return status_of(reap(child.pidfd));
  });
}

Status probe_birth_in_group() {
  return try_in_child([]() -> Status {
    // The descriptor is no group: a kernel that knows the flag says EBADF, one that does not,
    // EINVAL or E2BIG.
    RETORT_TRY(const Fd folder, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
    const auto child = fork_child(0, folder.get());
    if (child && child->pid == 0) ::_exit(0);
    if (child) return status_of(reap(child->pidfd));
    return child.error().os_errno == EBADF ? Status() : Status(child.error());
  });
}

Status probe_pidfd() {
  return try_in_child([]() -> Status {
    const pid_t child = ::fork();
    if (child < 0) return os_error("fork", "");
    if (child == 0) {
      ::alarm(kPatience);
      for (;;) ::pause();
    }
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    const Status signalled = pidfd.is_open()
                                 ? send_signal(pidfd, SIGKILL)
                                 : Status(os_error("pidfd_open", std::to_string(child)));
    if (!signalled) ::kill(child, SIGKILL);
    RETORT_CHECK(signalled);
    return status_of(reap(pidfd));
  });
}

Status probe_close_range() {
  return try_in_child([]() -> Status {
    RETORT_TRY(Fd folder, open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
    const int number = folder.release();
    const auto only = static_cast<unsigned>(number);
    if (::syscall(SYS_close_range, only, only, 0U) != 0) return os_error("close_range", "");
    if (::fcntl(number, F_GETFD) >= 0)
      return Error{Fault::unsupported, "close_range closes nothing", 0};
    return {};
  });
}

Status probe_seals() {
  RETORT_TRY(const Fd file, make_memory_file("probe"));
  RETORT_CHECK(seal(file));
  if (write_all(file, "x"))
    return Error{Fault::unsupported, "a sealed memory file can be written", 0};
  return {};
}

Status probe_filter() {
  return try_in_child([]() -> Status {
    constexpr int kSign = EUCLEAN;  // an errno that the call itself never gives
    const std::array filter = {
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kSign),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    RETORT_CHECK(forbid_new_privileges());
    RETORT_CHECK(load_filter(filter));
    if (::syscall(SYS_getppid) >= 0 || errno != kSign) {
      return Error{Fault::unsupported, "a system-call filter is loaded and refuses nothing", 0};
    }
    return {};
  });
}

}  // namespace retort::kernel
