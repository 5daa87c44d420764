// F28: what container checkers look at (amicontained, CDK evaluate, botb), in our own words.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr const char* kMustBeAbsent[] = {
    // Sockets of container engines and of service managers.
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/retort",
    "/var/run/retort",
    // Tokens of orchestrators, and their settings.
    "/var/run/secrets",
    "/run/secrets",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/etc/kubernetes",
    "/root/.kube/config",
    "/root/.docker/config.json",
    "/root/.ssh",
    "/root/.aws/credentials",
    "/home",
    "/root",
    "/.dockerenv",
    "/run/.containerenv",
    // Parts of the host.
    "/host",
    "/rootfs",
    "/mnt",
    "/media",
    "/opt",
    "/srv",
    "/boot",
    "/lib/modules",
    "/var/log",
    "/var/lib",
    "/var/spool/cron",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/ssh",
    "/etc/machine-id",
    "/etc/fstab",
    "/sys/kernel/security",
    "/sys/kernel/debug",
    "/sys/firmware",
    "/sys/kernel/uevent_helper",
    "/proc/sysrq-trigger",
    "/proc/sys/fs/binfmt_misc",
    "/proc/sys/kernel/modprobe",
    "/proc/scsi",
    "/proc/acpi",
    // Devices.
    "/dev/mem",
    "/dev/kmem",
    "/dev/kmsg",
    "/dev/port",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net/tun",
    "/dev/vda",
    "/dev/sda",
    "/dev/nvme0n1",
    "/dev/dm-0",
    "/dev/loop0",
    "/dev/loop-control",
    "/dev/disk",
    "/dev/block",
    "/dev/hugepages",
    "/dev/mqueue",
    "/dev/pts",
    "/dev/vsock"};

int run(unsigned) {
  for (const char* path : kMustBeAbsent) {
    // /lib is a link into /usr, which may hold modules: they are the image's.
    if (std::string_view(path) != "/lib/modules") expect_absent(path);
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    for (const char* word : {"TOKEN", "SECRET", "PASS", "KEY", "KUBERNETES", "AWS_", "DOCKER"})
      expect(text.find(word) == std::string::npos, "an environment of the host: " + text);
  }
  // Profiles and namespaces.
  const std::string map = read_file("/proc/self/uid_map");
  std::istringstream ids(map);
  unsigned long inside = 0;
  unsigned long outside = 0;
  unsigned long count = 0;
  expect(static_cast<bool>(ids >> inside >> outside >> count), "no map of ids");
  expect(count < 65536, "the host's ids are mapped: " + map);
  expect(::getpid() == 2 && ::getppid() == 1,
         "process " + std::to_string(::getpid()) + " of " + std::to_string(::getppid()));
  expect(list_folder("/proc").size() == 3, "/proc lists more than this process");
  // A block device by any node that is there.
  for (const std::string& name : list_folder("/dev")) {
    struct stat info{};
    const std::string path = "/dev/" + name;
    expect(::stat(path.c_str(), &info) == 0 && !S_ISBLK(info.st_mode), path + ": a block device");
  }
  const std::string mounts = read_file("/proc/self/mountinfo");
  for (const char* word : {"docker",
                           "kubelet",
                           "ext4",
                           "xfs",
                           "btrfs",
                           "/dev/vd",
                           "/dev/sd",
                           "/dev/nvme",
                           "/dev/mapper",
                           "sysfs",
                           "securityfs",
                           "debugfs",
                           "9p",
                           "virtiofs",
                           "nfs"}) {
    expect(mounts.find(word) == std::string::npos, std::string("mountinfo tells of ") + word);
  }
  return verdict();
}

const Enrol kAttack{
    {.id = "F28", .what = "everything container checkers look at", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
