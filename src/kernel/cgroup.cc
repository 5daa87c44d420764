// Cgroup: finds the hierarchies that this process may use.
#include "kernel/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <sstream>

#include "base/weaken.h"
#include "kernel/files.h"

namespace retort::kernel {

using base::Error;
using base::Fault;

namespace {

// The leaf that the processes of a delegated version 2 group are moved to.
constexpr std::string_view kLeaf = "/retort-main";

struct Mount {
  std::string root;  // which group of the hierarchy is mounted
  std::string path;
};

// The mount of one controller's hierarchy (version 1), or of version 2 when `controller` is empty.
std::optional<Mount> find_mount(const std::string& mountinfo, const std::string& controller) {
  // proc_pid_mountinfo(5): id parent dev ROOT PATH options … - TYPE source SUPEROPTIONS
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash));
    std::istringstream back(line.substr(dash + 3));
    std::string skipped;
    std::string type;
    std::string options;
    Mount mount;
    front >> skipped >> skipped >> skipped >> mount.root >> mount.path;
    back >> type >> skipped >> options;
    if (controller.empty()) {
      if (type == "cgroup2") return mount;
    } else if (type == "cgroup" &&
               ("," + options + ",").find("," + controller + ",") != std::string::npos) {
      return mount;
    }
  }
  return std::nullopt;
}

// This process's own group, from /proc/self/cgroup: "4:memory:/path" or "0::/path".
std::optional<std::string> own_group(const std::string& listing, const std::string& controller) {
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool ours = controller.empty() ? names == ",,"
                                         : names.find("," + controller + ",") != std::string::npos;
    if (!ours) continue;
    std::string group = line.substr(second + 1);
    // Where hand_down_controllers put us for an earlier keeper: the delegated group is the one
    // above.
    if (group.ends_with(kLeaf)) group.erase(group.size() - kLeaf.size());
    return group;
  }
  return std::nullopt;
}

bool contains_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string found; words >> found;) {
    if (found == word) return true;
  }
  return false;
}

// The directory of `group` under its mount, when the mount shows it.
std::string directory_of(const Mount& mount, const std::string& group) {
  std::string below = group;
  if (mount.root != "/" && below.starts_with(mount.root)) below.erase(0, mount.root.size());
  if (below == "/") below.clear();
  return mount.path + below;
}

bool writable(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

// Version 2 wants a parent whose controllers may be handed down. A delegated group with this
// process in it must first be emptied into a leaf (cgroup-v2.rst, No Internal Process Constraint).
Status hand_down_controllers(const std::string& parent) {
  RETORT_TRY(const auto enabled, read_small_file(AT_FDCWD, parent + "/cgroup.subtree_control"));
  if (contains_word(enabled, "memory") && contains_word(enabled, "pids")) return {};
  const std::string leaf = parent + std::string(kLeaf);
  RETORT_CHECK(make_directory(AT_FDCWD, leaf, 0755));
  RETORT_TRY(const auto members, read_small_file(AT_FDCWD, parent + "/cgroup.procs"));
  std::istringstream pids(members);
  for (std::string pid; pids >> pid;) {
    RETORT_CHECK(write_kernel_file(AT_FDCWD, leaf + "/cgroup.procs", pid));
  }
  RETORT_CHECK(write_kernel_file(AT_FDCWD, parent + "/cgroup.subtree_control", "+memory +pids"));
  (void)write_kernel_file(AT_FDCWD, parent + "/cgroup.subtree_control", "+cpu");  // if it is there
  return {};
}

Result<std::unique_ptr<Groups>> try_v2(const Mount& mount,
                                       const std::string& listing,
                                       const std::string& name) {
  RETORT_TRY(const auto available, read_small_file(AT_FDCWD, mount.path + "/cgroup.controllers"));
  if (!contains_word(available, "memory") || !contains_word(available, "pids")) {
    return Error{Fault::unsupported,
                 "control groups v2 at " + mount.path + " have no memory and pids controllers",
                 0};
  }
  if (::geteuid() == 0 && writable(mount.path)) {
    RETORT_TRY(const auto enabled,
               read_small_file(AT_FDCWD, mount.path + "/cgroup.subtree_control"));
    if (contains_word(enabled, "memory") && contains_word(enabled, "pids")) {
      return open_groups_v2(mount.path + "/retort/" + name);
    }
  }
  const auto group = own_group(listing, "");
  const std::string parent = group ? directory_of(mount, *group) : mount.path;
  if (parent == mount.path && ::geteuid() == 0) {
    return Error{
        Fault::unsupported,
        "control groups v2: memory and pids are not handed down; run: echo '+memory +pids' > " +
            mount.path + "/cgroup.subtree_control",
        0};
  }
  const Error not_ours{
      Fault::denied,
      "the control group " + parent +
          " is not delegated to this user; run: systemd-run --user --scope -p Delegate=yes COMMAND",
      0};
  if (!writable(parent + "/cgroup.procs") || !writable(parent + "/cgroup.subtree_control"))
    return not_ours;
  if (auto handed = hand_down_controllers(parent); !handed) {
    return handed.error().within("control group " + parent);
  }
  return open_groups_v2(parent + "/retort/" + name);
}

// The group that ours are made below.
std::string parent_v1(const Mount& mount,
                      const std::string& listing,
                      const std::string& controller) {
  if (::geteuid() == 0) return mount.path;
  const auto group = own_group(listing, controller);
  return group ? directory_of(mount, *group) : mount.path;
}

Result<std::unique_ptr<Groups>> try_v1(const std::string& mountinfo,
                                       const std::string& listing,
                                       const std::string& name) {
  V1Places places;
  for (const auto& [controller, place] :
       {std::pair<std::string, std::string*>{"memory", &places.memory},
        {"pids", &places.pids},
        {"cpuacct", &places.cpuacct},
        {"cpu", &places.cpu}}) {
    const bool is_wanted_only = controller == "cpu";
    const auto mount = find_mount(mountinfo, controller);
    if (!mount && is_wanted_only) continue;
    if (!mount) {
      return Error{Fault::unsupported,
                   "no control groups: neither version 2 with memory and pids nor version 1 with " +
                       controller + " is mounted",
                   0};
    }
    const std::string parent = parent_v1(*mount, listing, controller);
    if (!writable(parent) && is_wanted_only) continue;
    if (!writable(parent)) {
      return Error{
          Fault::denied,
          "the control group " + parent + " is not delegated to this user (it cannot write there)",
          0};
    }
    *place = parent + "/retort/" + name;
  }
  if (base::weakened("limit:shares")) places.cpu.clear();
  return open_groups_v1(places);
}

}  // namespace

bool can_share_processors() {
  const auto mountinfo = read_small_file(AT_FDCWD, "/proc/self/mountinfo", 16U << 20U);
  const auto listing = read_small_file(AT_FDCWD, "/proc/self/cgroup");
  if (!mountinfo || !listing) return false;
  if (const auto mount = find_mount(*mountinfo, "cpu"))
    return writable(parent_v1(*mount, *listing, "cpu"));
  const auto unified = find_mount(*mountinfo, "");
  if (!unified) return false;
  const auto group = own_group(*listing, "");
  const bool is_at_root = ::geteuid() == 0 && writable(unified->path);
  const std::string parent = is_at_root || !group ? unified->path : directory_of(*unified, *group);
  const auto available = read_small_file(AT_FDCWD, parent + "/cgroup.controllers");
  return available && contains_word(*available, "cpu");
}

Result<std::unique_ptr<Groups>> open_groups(const std::string& name) {
  RETORT_TRY(const auto mountinfo, read_small_file(AT_FDCWD, "/proc/self/mountinfo", 16U << 20U));
  RETORT_TRY(const auto listing, read_small_file(AT_FDCWD, "/proc/self/cgroup"));
  const auto unified = find_mount(mountinfo, "");
  // A host whose controllers are on version 1 mounts an empty version 2 beside them: ask for what
  // it can do.
  if (unified) {
    const auto available = read_small_file(AT_FDCWD, unified->path + "/cgroup.controllers");
    if (available && contains_word(*available, "memory")) return try_v2(*unified, listing, name);
  }
  return try_v1(mountinfo, listing, name);
}

}  // namespace retort::kernel
