// Mounts: each call in its thin form.
#include "kernel/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/weaken.h"

namespace retort::kernel {

using base::os_error;

namespace {

// All of them, but in a weakened build.
constexpr std::uint64_t unless_weakened(std::uint64_t attributes) {
  if (base::weakened("mount:read-only")) attributes &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  if (base::weakened("mount:nosuid")) attributes &= ~std::uint64_t{MOUNT_ATTR_NOSUID};
  if (base::weakened("mount:nodev")) attributes &= ~std::uint64_t{MOUNT_ATTR_NODEV};
  if (base::weakened("mount:noexec")) attributes &= ~std::uint64_t{MOUNT_ATTR_NOEXEC};
  return attributes;
}

}  // namespace

Result<Fd> make_filesystem(const std::string& type,
                           const MountOptions& options,
                           std::uint64_t attributes) {
  const Fd context(static_cast<int>(::syscall(SYS_fsopen, type.c_str(), FSOPEN_CLOEXEC)));
  if (!context.is_open()) return os_error("fsopen", type);
  for (const auto& [key, value] : options) {
    const long result =
        value.empty()
            ? ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
            : ::syscall(
                  SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0);
    if (result != 0) return os_error("fsconfig", type + " " + key + "=" + value);
  }
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return os_error("fsconfig", "create " + type);
  }
  Fd mount(static_cast<int>(
      ::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, unless_weakened(attributes))));
  if (!mount.is_open()) return os_error("fsmount", type);
  return mount;
}

Result<Fd> copy_mount(int directory, const std::string& path, std::uint64_t attributes) {
  Fd mount(static_cast<int>(
      ::syscall(SYS_open_tree, directory, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!mount.is_open()) return os_error("open_tree", path);
  if (auto set = add_attributes(mount, attributes); !set) return set.error().within(path);
  return mount;
}

Status add_attributes(const Fd& mount, std::uint64_t attributes) {
  mount_attr change{};
  change.attr_set = unless_weakened(attributes);
  if (change.attr_set == 0) return {};
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH, &change, sizeof change) != 0) {
    return os_error("mount_setattr", "");
  }
  return {};
}

Status attach(const Fd& mount, int directory, const std::string& path) {
  if (::syscall(
          SYS_move_mount, mount.get(), "", directory, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return os_error("move_mount", path);
  }
  return {};
}

Status make_all_private() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return os_error("mount", "make / private");
  }
  return {};
}

Status change_root(const std::string& path) {
  if (::chdir(path.c_str()) != 0) return os_error("chdir", path);
  // pivot_root(".", ".") stacks the old root over the new one; detaching "." takes it away
  // (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return os_error("pivot_root", path);
  if (::umount2(".", MNT_DETACH) != 0) return os_error("umount2", "the old root");
  if (::chdir("/") != 0) return os_error("chdir", "/");
  return {};
}

}  // namespace retort::kernel
