// Kernel checks: user namespaces, and every feature of the kernel that a cell is made of, tried.
#include <fcntl.h>

#include <array>
#include <sstream>

#include "cli/doctor_checks.h"
#include "cli/doctor_mend.h"
#include "kernel/files.h"
#include "kernel/probe.h"

namespace retort::cli {

using base::Error;
using base::Status;

namespace {

// What keeps this user from making user namespaces, and the value that would let them.
struct NamespaceSwitch {
  const char* id;
  const char* key;
  const char* blocks;
  const char* allows;
  bool blocks_root;
  const char* what;
};
constexpr std::array kNamespaceSwitches = {
    NamespaceSwitch{
        "userns-clone", "kernel.unprivileged_userns_clone", "0", "1", false, "Debian's switch"},
    NamespaceSwitch{
        "userns-most", "user.max_user_namespaces", "0", "65536", true, "how many there may be"},
    NamespaceSwitch{"userns-apparmor",
                    "kernel.apparmor_restrict_unprivileged_userns",
                    "1",
                    "0",
                    false,
                    "Ubuntu's switch"},
};

bool is_blocking(const NamespaceSwitch& entry) {
  return (entry.blocks_root || !is_root()) && read_switch(entry.key) == entry.blocks;
}

std::string mend_user_namespaces(const Error& error) {
  for (const NamespaceSwitch& entry : kNamespaceSwitches) {
    if (is_blocking(entry)) return set_switch(entry.key, entry.allows);
  }
  if (error.os_errno == EINVAL || error.os_errno == ENOSYS)
    return no_command("this kernel was built without user namespaces");
  return error.os_errno == ENOSPC ? mend_kernel(error, "3.8") : mend_confinement();
}

struct Feature {
  const char* id;
  const char* what;
  Status (*probe)();
  bool in_user_namespace;
  const char* lost;
  const char* since;
};
constexpr std::array kFeatures = {
    Feature{"namespaces",
            "mount, pid, net, ipc, uts, cgroup, time namespaces in it",
            kernel::probe_namespaces,
            true,
            "no cell can be made",
            "5.6"},
    Feature{"namespace-limits",
            "no further namespaces from inside (/proc/sys/user)",
            kernel::probe_namespace_limits,
            true,
            "no cell can be made: a program could make namespaces of its own",
            "4.9"},
    Feature{"mount-calls",
            "fsopen, move_mount, open_tree, mount_setattr",
            kernel::probe_mount_calls,
            true,
            "no cell can be made",
            "5.12"},
    Feature{"overlayfs",
            "read-only overlays in a user namespace",
            kernel::probe_overlay,
            true,
            "no cell can be made: it would share inodes, and so locks, with its peers",
            "5.11"},
    Feature{"tmpfs",
            "tmpfs that bounds bytes and inodes",
            kernel::probe_tmpfs,
            true,
            "no cell can be made: limits disk and disk_inodes",
            "2.6"},
    Feature{"proc",
            "/proc with subset=pid and hidepid=invisible",
            kernel::probe_proc,
            true,
            "no cell can be made: it would see the host through /proc",
            "5.8"},
    Feature{"openat2",
            "openat2 that stays beneath a folder",
            kernel::probe_openat2,
            false,
            "no cell can be made: file names could lead out of it",
            "5.6"},
    Feature{
        "clone3", "clone3 with a pidfd", kernel::probe_clone3, false, "no cell can be made", "5.3"},
    Feature{"pidfd",
            "signals and waiting by pidfd",
            kernel::probe_pidfd,
            false,
            "no cell can be ended without hitting a number that is used again",
            "5.4"},
    Feature{"close-range",
            "close_range",
            kernel::probe_close_range,
            false,
            "no keeper starts: it could inherit descriptors",
            "5.9"},
    Feature{"memfd-seals",
            "memory files that can be sealed",
            kernel::probe_seals,
            false,
            "no job can be handed to the keeper",
            "3.17"},
    Feature{"seccomp",
            "system-call filters",
            kernel::probe_filter,
            false,
            "no cell can be made: all of the kernel would be open to it",
            "3.17"},
};

// A mount below /usr cannot be left out by a user namespace, which could otherwise uncover what it
// hides.
std::vector<std::string> mounts_below_usr() {
  std::vector<std::string> paths;
  std::istringstream lines(
      kernel::read_small_file(AT_FDCWD, "/proc/self/mountinfo", 16U << 20U).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string path;
    for (int field = 0; field < 5; ++field) fields >> path;
    if (path.starts_with("/usr/")) paths.push_back(path);
  }
  return paths;
}

void mend_overlay(Check& check, const Error& error) {
  if (error.os_errno == ENODEV) check.mend = as_root("modprobe overlay");
  if (const auto mounts = mounts_below_usr(); error.os_errno == EINVAL && !mounts.empty()) {
    check.detail += "; a user namespace cannot leave out the mount " + mounts.front();
    if (!is_root()) check.detail += " (root can)";
    check.mend = as_root("umount " + joined(mounts, " "));
  }
}

}  // namespace

void check_kernel(Checks& checks) {
  const Status user_namespace = kernel::probe_user_namespace();
  Check first{"user-namespaces", "kernel", Level::essential, "user namespaces for this user"};
  if (!user_namespace) {
    first.found = false;
    first.detail = user_namespace.error().what;
    first.lost = "no cell can be made";
    first.mend = mend_user_namespaces(user_namespace.error());
  }
  checks.push_back(first);
  for (const NamespaceSwitch& entry : kNamespaceSwitches) {
    const auto value = read_switch(entry.key);
    Check check{entry.id, "kernel", Level::essential, std::string(entry.key) + ", " + entry.what};
    check.detail = value.value_or("not on this kernel");
    check.found = !is_blocking(entry) || user_namespace;
    check.lost = "no cell can be made by this user";
    check.mend = set_switch(entry.key, entry.allows);
    checks.push_back(check);
  }
  for (const Feature& feature : kFeatures) {
    Check check{feature.id, "kernel", Level::essential, feature.what};
    if (feature.in_user_namespace && !user_namespace) {
      check.found = false;
      check.detail = "not tried: there is no user namespace to try it in";
      check.mend = first_mend("user-namespaces");
    } else if (const Status result = feature.probe(); !result) {
      check.found = false;
      check.detail = result.error().what;
      check.mend = mend_kernel(result.error(), feature.since);
      if (check.id == std::string_view("overlayfs")) mend_overlay(check, result.error());
    }
    check.lost = feature.lost;
    checks.push_back(check);
  }
}

}  // namespace retort::cli
