// Call modes: system calls that a cell may refuse.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "probe/probe.h"

namespace retort::probe {
namespace {

int call_i386() {
  long result = 20;  // getpid, by the i386 table
  asm volatile("int $0x80" : "+a"(result) : : "memory");
  return result > 0 ? 0 : -1;
}

struct Call {
  const char* name;
  long (*make)();
};

template <int kDomain, int kType, int kProtocol = 0>
constexpr Call socket_call(const char* name) {
  return {.name = name, .make = [] {
            return static_cast<long>(::socket(kDomain, kType | SOCK_CLOEXEC, kProtocol));
          }};
}

constexpr int kVsockDomain = 40;  // AF_VSOCK
constexpr long kX32Bit = 0x40000000;

constexpr std::array kCalls = {
    Call{.name = "unshare", .make = [] { return static_cast<long>(::unshare(CLONE_NEWUSER)); }},
    Call{.name = "mount",
         .make = [] { return static_cast<long>(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    Call{.name = "umount", .make = [] { return static_cast<long>(::umount2("/tmp", MNT_DETACH)); }},
    Call{.name = "chroot", .make = [] { return static_cast<long>(::chroot("/tmp")); }},
    Call{.name = "setns", .make = [] { return static_cast<long>(::setns(0, 0)); }},
    Call{.name = "ptrace", .make = [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
    Call{.name = "process_vm_readv",
         .make =
             [] {
               char from = 1;
               char to = 0;
               const iovec local{.iov_base = &to, .iov_len = 1};
               const iovec remote{.iov_base = &from, .iov_len = 1};
               return static_cast<long>(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0));
             }},
    Call{.name = "keyctl", .make = [] { return ::syscall(SYS_keyctl, 0, -3, 0, 0, 0); }},
    Call{.name = "bpf",
         .make =
             [] {
               bpf_attr attributes{};
               return ::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
             }},
    Call{.name = "perf_event_open",
         .make = [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
    Call{.name = "userfaultfd", .make = [] { return ::syscall(SYS_userfaultfd, 0); }},
    Call{.name = "open_by_handle_at",
         .make = [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
    Call{.name = "io_uring_setup",
         .make =
             [] {
               io_uring_params parameters{};
               return ::syscall(SYS_io_uring_setup, 8, &parameters);
             }},
    Call{.name = "clone-newuser",
         .make = [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
    Call{.name = "clone3", .make = [] { return ::syscall(SYS_clone3, nullptr, 0); }},
    Call{.name = "mknod-device",
         .make =
             [] {
               return static_cast<long>(::mknod("/tmp/device", S_IFCHR | 0666, makedev(1, 3)));
             }},
    Call{.name = "setxattr",
         .make = [] { return ::syscall(SYS_setxattr, "/tmp", "user.x", "x", 1, 0); }},
    Call{.name = "inotify", .make = [] { return ::syscall(SYS_inotify_init1, 0); }},
    socket_call<AF_UNIX, SOCK_STREAM>("socket-unix"),
    socket_call<AF_INET, SOCK_STREAM>("socket-inet"),
    socket_call<AF_INET6, SOCK_DGRAM>("socket-inet6"),
    socket_call<AF_INET, SOCK_RAW, IPPROTO_ICMP>("socket-raw"),
    socket_call<AF_NETLINK, SOCK_RAW>("socket-netlink"),
    socket_call<AF_PACKET, SOCK_RAW>("socket-packet"),
    socket_call<AF_ALG, SOCK_SEQPACKET>("socket-alg"),
    socket_call<kVsockDomain, SOCK_STREAM>("socket-vsock"),
    Call{.name = "i386", .make = [] { return static_cast<long>(call_i386()); }},
    Call{.name = "x32", .make = [] { return ::syscall(SYS_getpid | kX32Bit); }},
};

int mode_syscall(const Words& words) {
  for (const std::string& name : words) {
    const auto* const call = std::ranges::find(kCalls, std::string_view(name), &Call::name);
    if (call == kCalls.end()) {
      std::fprintf(stderr, "no such call: %s\n", name.c_str());
      return 2;
    }
    answer(call->make() >= 0);
  }
  return 0;
}

constexpr std::array kModes = {
    Mode{"syscall", "NAME…", "makes system calls; prints ok or errno", mode_syscall},
};

}  // namespace

std::span<const Mode> call_modes() {
  return kModes;
}

}  // namespace retort::probe
