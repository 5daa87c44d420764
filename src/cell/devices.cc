// Devices: the five that take and give nothing of the host's, and the names of a program's streams.
#include "cell/devices.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "cell/image_root.h"
#include "kernel/files.h"
#include "kernel/mounts.h"

namespace retort::cell {

using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// Documentation/admin-guide/devices.txt: character devices.
struct Device {
  const char* name;
  unsigned major;
  unsigned minor;
};
constexpr std::array kDevices = {Device{.name = "null", .major = 1, .minor = 3},
                                 Device{.name = "zero", .major = 1, .minor = 5},
                                 Device{.name = "full", .major = 1, .minor = 7},
                                 Device{.name = "random", .major = 1, .minor = 8},
                                 Device{.name = "urandom", .major = 1, .minor = 9}};
// Each process's own controlling terminal.
constexpr Device kTerminal{.name = "tty", .major = 5, .minor = 0};

Status make_node(const Fd& folder, const Device& device, Nodes nodes) {
  const bool is_own = nodes == Nodes::own;
  const mode_t mode = is_own ? S_IFCHR | 0666 : S_IFREG | 0444;
  const dev_t number = is_own ? ::makedev(device.major, device.minor) : 0;
  if (::mknodat(folder.get(), device.name, mode, number) == 0 &&
      (!is_own || ::fchmodat(folder.get(), device.name, 0666, 0) == 0)) {
    return {};
  }
  return os_error("mknod", std::string("/dev/") + device.name)
      .within("a cell has devices of its own (in a container, add the capability MKNOD)");
}

}  // namespace

Result<Fd> make_devices(Nodes nodes, bool terminal) {
  RETORT_TRY(Fd devices,
             kernel::make_filesystem(
                 "tmpfs",
                 {{"source", "devices"}, {"size", "64k"}, {"nr_inodes", "32"}, {"mode", "0755"}},
                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  for (const Device& device : kDevices) RETORT_CHECK(make_node(devices, device, nodes));
  if (terminal) {
    RETORT_CHECK(make_node(devices, kTerminal, nodes));
    RETORT_CHECK(kernel::make_directory(devices.get(), "pts", 0755));
  }
  for (const DeviceLink& link : device_links()) {
    if (::symlinkat(link.target, devices.get(), link.name) != 0)
      return os_error("symlink", link.name);
  }
  RETORT_CHECK(kernel::make_directory(devices.get(), "shm", 0755));
  RETORT_CHECK(kernel::add_attributes(devices, MOUNT_ATTR_RDONLY));
  return devices;
}

}  // namespace retort::cell
