// Cgroup: one control group per cell, behind one interface for versions 1 and 2.
//
// Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{memory,pids,cpuacct}.rst of the
// kernel. Groups are only made below one folder of ours; a hierarchy is never mounted, remounted,
// or changed above that folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::kernel {

using base::ByteSize;
using base::Duration;
using base::Fd;
using base::Result;
using base::Status;

struct GroupLimits {
  ByteSize memory;              // kernel memory and tmpfs included; swap is off
  std::uint32_t processes = 0;  // processes and threads at one time
};

// Counters of a group since it was made. What a kernel does not count is absent, never guessed.
struct GroupUsage {
  std::uint64_t cpu_ns = 0;
  std::uint64_t cpu_user_ns = 0;
  std::optional<ByteSize> memory_peak;
  std::optional<std::uint32_t> processes_peak;
  std::uint64_t memory_kills = 0;      // processes killed because the memory limit was reached
  std::uint64_t processes_denied = 0;  // forks refused because of the processes limit
};

// The group of one cell. Removed with this object; removal is also a call so that its failure can
// be seen.
class Group {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  virtual ~Group() = default;

  // The directory to be born into with CLONE_INTO_CGROUP, or -1 where that does not exist (version
  // 1).
  [[nodiscard]] virtual int birth_directory() const = 0;
  // In a child with one thread, before it runs anything: moves itself into the group where it was
  // not born there.
  virtual Status enter() = 0;
  // Peaks count from here on, where the kernel can do that; otherwise they go on from the group's
  // beginning.
  virtual void restart_peaks() = 0;
  [[nodiscard]] virtual Result<GroupUsage> usage() const = 0;
  // CPU time of the group so far: one read of an open file.
  [[nodiscard]] virtual Result<Duration> cpu_time() const = 0;
  // Becomes readable when the memory limit is reached and nothing can be reclaimed; -1 where the
  // kernel ends the whole group by itself.
  [[nodiscard]] virtual int memory_event() const = 0;
  // Takes the group away, without waiting; every process in it must be dead. Fault::busy when the
  // kernel still holds it: ask again later. Nothing else is to be asked of it from here on.
  virtual Status remove() = 0;
};

// What this host's control groups let us do, and the maker of groups.
class Groups {
 public:
  Groups() = default;
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  virtual ~Groups() = default;

  [[nodiscard]] virtual int version() const = 0;
  // The folder that holds our groups, for people.
  [[nodiscard]] virtual std::string folder() const = 0;
  // Makes that folder, with controllers that the groups in it can use. Before the first `make`.
  virtual Status prepare() = 0;
  virtual Result<std::unique_ptr<Group>> make(const std::string& name,
                                              const GroupLimits& limits) = 0;
  // Kills what still runs in our folder and removes every group in it, the folder, and the one it
  // is in when that is empty: what a crash left behind, and what we made.
  virtual Status sweep() = 0;
};

// Opens the folder "retort/NAME" in the hierarchies this process may use: as root
// below the root of each hierarchy, otherwise below the process's own group, which must have been
// delegated to its user. Removes nothing. Fault::unsupported with a line that says what to do when
// memory, pids or CPU time cannot be had.
Result<std::unique_ptr<Groups>> open_groups(const std::string& name);

// Can groups that this process makes be given a share of the processors each? Without that they are
// shared out by process or by session, as the kernel is set, and cells with many have more.
bool can_share_processors();

// The two versions; open_groups chooses. Both take the folder names that mountinfo and
// /proc/self/cgroup gave.
struct V1Places {
  std::string memory;  // our folder in the hierarchy of each controller
  std::string pids;
  std::string cpuacct;
  std::string cpu;  // may be that of cpuacct, where both are mounted together; empty: there is none
};
Result<std::unique_ptr<Groups>> open_groups_v1(const V1Places& places);
Result<std::unique_ptr<Groups>> open_groups_v2(const std::string& folder);

}  // namespace retort::kernel
