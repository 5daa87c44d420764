// G04, G07: local sockets of the host and of other cells, by abstract names and by paths.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "attacks/calls.h"
#include "selftest/services.h"

namespace retort::attacks {
namespace {

struct Local {
  sockaddr_un address{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* any() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Local abstract_name(const std::string& name) {
  Local local;
  local.address.sun_family = AF_UNIX;
  std::memcpy(&local.address.sun_path[1], name.data(), name.size());
  local.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return local;
}

Local path_name(const std::string& path) {
  Local local;
  local.address.sun_family = AF_UNIX;
  std::memcpy(local.address.sun_path, path.data(), path.size());
  local.size = sizeof local.address;
  return local;
}

int run_abstract(unsigned place) {
  // One name for all cells: each may have it.
  const Local own = abstract_name("retort-cells");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  expect(::bind(listener, own.any(), own.size) == 0 && ::listen(listener, 8) == 0,
         "another cell has this cell's abstract name");
  const Local mine = abstract_name("retort-cell-" + std::to_string(place));
  const int second = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  expect(::bind(second, mine.any(), mine.size) == 0, "an abstract name is in use");
  ::usleep(400'000);
  for (const int kind : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    for (const std::string& name : {std::string(selftest::kServiceName),
                                    "retort-cell-" + std::to_string(1 - place),
                                    std::string("/org/freedesktop/systemd1/notify"),
                                    std::string("/tmp/.X11-unix/X0"),
                                    std::string("/containerd-shim/"),
                                    std::string("dbus-system")}) {
      const Local other = abstract_name(name);
      const int socket = ::socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
      expect_refused(::connect(socket, other.any(), other.size), {ECONNREFUSED}, "@" + name);
      ::close(socket);
    }
  }
  expect_refused(::accept(listener, nullptr, nullptr), {EAGAIN}, "somebody came");
  // The kernel's list, for the harness: a name that the host has is the secret.
  std::fputs(read_file("/proc/self/net/unix").c_str(), stdout);
  ::usleep(400'000);
  return verdict();
}

const Enrol kAbstract{{.id = "G04",
                       .what = "abstract sockets, from cells with loopback",
                       .run = run_abstract,
                       .limits = {"network=loopback"},
                       .cells = {.count = 2, .order = Cells::Order::together},
                       .portable = true}};
const Enrol kAbstractNone{{.id = "G04b",
                           .what = "abstract sockets, from cells without network",
                           .run = run_abstract,
                           .limits = {"network=none"},
                           .cells = {.count = 2, .order = Cells::Order::together}}};

void find_sockets(const std::string& folder, unsigned depth) {
  for (const std::string& name : list_folder(folder)) {
    const std::string path = (folder == "/" ? "" : folder) + "/" + name;
    struct stat info{};
    if (path == "/proc" || ::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode)) breach("a socket or FIFO at " + path);
    if (S_ISDIR(info.st_mode) && depth < 10) find_sockets(path, depth + 1);
  }
}

int run_paths(unsigned) {
  for (const char* folder : {"/box", "/dev", "/etc", "/run", "/tmp", "/var"})
    find_sockets(folder, 0);
  find_sockets("/", 9);
  find_sockets("/usr", 8);
  for (const char* path : {"/var/run/docker.sock",
                           "/run/docker.sock",
                           "/run/containerd/containerd.sock",
                           "/run/dbus/system_bus_socket",
                           "/run/systemd/notify",
                           "/run/systemd/journal/socket",
                           "/dev/log",
                           "/run/nats.sock",
                           "/run/nscd/socket",
                           "/run/retort/keeper",
                           "/tmp/.X11-unix/X0",
                           "/tmp/ssh-agent",
                           "/run/snapd.socket",
                           "/var/run/mysqld/mysqld.sock"}) {
    const Local place = path_name(path);
    for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
      const int socket = ::socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
      expect_refused(::connect(socket, place.any(), place.size), {ENOENT}, path);
      ::close(socket);
    }
  }
  return verdict();
}

const Enrol kPaths{{.id = "G07",
                    .what = "sockets with a path, from a cell with loopback",
                    .run = run_paths,
                    .limits = {"network=loopback"},
                    .portable = true}};
const Enrol kPathsNone{{.id = "G07b",
                        .what = "sockets with a path, from a cell without network",
                        .run = run_paths,
                        .limits = {"network=none"}}};

}  // namespace
}  // namespace retort::attacks
