// E10: every node of /dev, opened for all that it can do.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <map>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const std::map<std::string, unsigned> devices = {
      {"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
  const std::map<std::string, std::string> links = {{"fd", "/proc/self/fd"},
                                                    {"stdin", "/proc/self/fd/0"},
                                                    {"stdout", "/proc/self/fd/1"},
                                                    {"stderr", "/proc/self/fd/2"}};
  unsigned count = 0;
  for (const std::string& name : list_folder("/dev")) {
    ++count;
    const std::string path = "/dev/" + name;
    struct stat info{};
    expect(::lstat(path.c_str(), &info) == 0, path + " has no state");
    if (const auto link = links.find(name); link != links.end()) {
      char target[64] = {};
      expect(::readlink(path.c_str(), target, sizeof target - 1) > 0 && link->second == target,
             path + " leads to " + target);
      continue;
    }
    if (name == "shm") {
      expect(S_ISDIR(info.st_mode), path + " is no folder");
      continue;
    }
    const auto device = devices.find(name);
    expect(device != devices.end(), path + " is there");
    if (device == devices.end()) continue;
    expect(S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, device->second),
           path + " is another device");
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    expect(file >= 0, path + " cannot be opened");
    for (const unsigned long command : {0x5412UL, 0x1277UL, 0x40085203UL, 0x5206UL, 0xC020660BUL})
      expect_answer(
          {path.c_str(), SYS_ioctl, {static_cast<unsigned long>(file), command, 0}, ENOSYS});
    ::close(file);
    expect_refused(::chmod(path.c_str(), 0777), {EROFS, EPERM}, "chmod " + path);
    expect_refused(::unlink(path.c_str()), {EBUSY, EROFS}, "remove " + path);
    expect_refused(::rename(path.c_str(), "/box/device"), {EBUSY, EXDEV, EROFS}, "move " + path);
    expect_refused(::link(path.c_str(), "/box/device"), {EXDEV, EPERM}, "link " + path);
  }
  expect(count == 10, "/dev has " + std::to_string(count) + " entries");
  expect_refused(::mknod("/dev/new", S_IFREG | 0600, 0), {EROFS}, "a new file in /dev");
  for (const unsigned minor : {1U, 2U, 3U, 4U, 11U}) {
    expect_refused(::mknod("/box/device", S_IFCHR | 0600, makedev(1, minor)),
                   {ENOSYS},
                   "make memory device " + std::to_string(minor));
  }
  return verdict();
}

const Enrol kAttack{{.id = "E10", .what = "every node of /dev", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
