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

namespace {

// Documentation/admin-guide/devices.txt: character devices of major number 1.
struct Device {
  const char* name;
  unsigned minor;
};
constexpr std::array kDevices = {Device{.name = "null", .minor = 3},
                                 Device{.name = "zero", .minor = 5},
                                 Device{.name = "full", .minor = 7},
                                 Device{.name = "random", .minor = 8},
                                 Device{.name = "urandom", .minor = 9}};
constexpr unsigned kMemoryDevices = 1;

}  // namespace

Result<Fd> make_devices() {
  RETORT_TRY(Fd devices,
             kernel::make_filesystem(
                 "tmpfs",
                 {{"source", "devices"}, {"size", "64k"}, {"nr_inodes", "32"}, {"mode", "0755"}},
                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  for (const Device& device : kDevices) {
    if (::mknodat(
            devices.get(), device.name, S_IFCHR | 0666, ::makedev(kMemoryDevices, device.minor)) !=
            0 ||
        ::fchmodat(devices.get(), device.name, 0666, 0) != 0) {
      return os_error("mknod", std::string("/dev/") + device.name)
          .within("a cell has devices of its own (in a container, add the capability MKNOD)");
    }
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
