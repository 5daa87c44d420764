// D12: sockets and devices instead of files, among them the device that an overlay takes for a
// deletion.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = "socket"};
  expect(socket >= 0 &&
             ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
         "no socket");
  expect(::mknod("other", S_IFSOCK | 0644, 0) == 0, "no other socket");
  const std::vector<int> denied = {ENOSYS, EPERM};
  expect_refused(::mknod("whiteout", S_IFCHR, ::makedev(0, 0)), denied, "a whiteout");
  expect_refused(::mknod("null", S_IFCHR | 0666, ::makedev(1, 3)), denied, "a character device");
  expect_refused(::mknod("mem", S_IFCHR | 0666, ::makedev(1, 1)), denied, "the host's memory");
  expect_refused(::mknod("disk", S_IFBLK | 0666, ::makedev(254, 0)), denied, "a block device");
  return verdict();
}

const Enrol kAttack{{.id = "D12",
                     .what = "sockets and devices instead of files",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"socket refused a socket", "other refused a socket"},
                     .collected_not = {"whiteout", "null", "mem", "disk"}}};

}  // namespace
}  // namespace retort::attacks
