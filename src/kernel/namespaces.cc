// Namespaces: maps, loopback, clocks, /proc/sys/user.
#include "kernel/namespaces.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <sstream>

#include "base/fd.h"
#include "kernel/files.h"

namespace retort::kernel {

using base::os_error;

namespace {

std::string map_text(std::span<const IdRange> ranges) {
  std::string text;
  for (const IdRange& range : ranges) {
    text += std::to_string(range.inside) + " " + std::to_string(range.outside) + " " +
            std::to_string(range.count) + "\n";
  }
  return text;
}

}  // namespace

bool is_in_first_user_namespace() {
  // user_namespaces(7): the first one maps every id to itself.
  const auto map = read_small_file(AT_FDCWD, "/proc/self/uid_map");
  if (!map) return false;
  std::istringstream fields(*map);
  std::uint64_t inside = 1;
  std::uint64_t outside = 1;
  std::uint64_t count = 0;
  fields >> inside >> outside >> count;
  return inside == 0 && outside == 0 && count == UINT32_MAX;
}

Status map_ids(pid_t child, std::span<const IdRange> users, std::span<const IdRange> groups) {
  const std::string folder = "/proc/" + std::to_string(child);
  RETORT_TRY(const Fd process, open_at(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
  RETORT_CHECK(write_kernel_file(process.get(), "setgroups", "deny"));
  RETORT_CHECK(write_kernel_file(process.get(), "uid_map", map_text(users)));
  return write_kernel_file(process.get(), "gid_map", map_text(groups));
}

Status raise_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return os_error("socket", "AF_INET");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return os_error("SIOCSIFFLAGS", "lo");
  return {};
}

Status hide_uptime() {
  if (::unshare(CLONE_NEWTIME) != 0) return os_error("unshare", "CLONE_NEWTIME");
  std::string offsets;
  for (const auto& [clock, name] :
       {std::pair{CLOCK_MONOTONIC, "monotonic"}, {CLOCK_BOOTTIME, "boottime"}}) {
    timespec now{};
    ::clock_gettime(clock, &now);
    offsets += std::string(name) + " " + std::to_string(-now.tv_sec) + " 0\n";
  }
  return write_kernel_file(AT_FDCWD, "/proc/self/timens_offsets", offsets);
}

Status forbid_new_namespaces() {
  constexpr std::array kKinds = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
  for (const char* kind : kKinds) {
    RETORT_CHECK(write_kernel_file(
        AT_FDCWD, "/proc/sys/user/max_" + std::string(kind) + "_namespaces", "0"));
  }
  return {};
}

}  // namespace retort::kernel
