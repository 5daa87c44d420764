// Host: what an attack must leave as it was, looked at from outside before and after it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::selftest {

// Files that no cell may read or change, with a word in them that no output may hold. Gone with
// this object.
class Canaries {
 public:
  static base::Result<Canaries> plant();
  Canaries(Canaries&& other) noexcept;
  Canaries& operator=(Canaries&&) = delete;
  Canaries(const Canaries&) = delete;
  Canaries& operator=(const Canaries&) = delete;
  ~Canaries();

  // In the files, and to be put wherever else no cell may look.
  [[nodiscard]] const std::string& secret() const { return secret_; }
  // One line for each that is not as it was planted.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  Canaries(std::string folder, std::string secret)
      : folder_(std::move(folder)), secret_(std::move(secret)) {}
  std::string folder_;
  std::string secret_;
};

// Everything countable that a cell could leave behind, as lines for people.
class HostState {
 public:
  // `keeper` is the process, `instance` its number.
  static HostState look(pid_t keeper, unsigned instance);
  // One line for each thing that `after` has and this has not.
  [[nodiscard]] std::vector<std::string> left_in(const HostState& after) const;

 private:
  std::set<std::string> things_;  // processes, groups, mounts, sockets, IPC objects, keys, files
  std::map<std::string, std::uint64_t> counts_;  // descriptors and memory of the keeper
};

// The kernel's log from here on.
class KernelLog {
 public:
  KernelLog();
  // Complaints since the last call: warnings, bugs, hung tasks, kills for memory outside a group.
  std::vector<std::string> complaints();

 private:
  base::Fd log_;
};

// CPU time that the kernel has counted for all groups of `instance`, dead ones included; negative
// where it cannot be read.
base::Duration cpu_of_instance(unsigned instance);

}  // namespace retort::selftest
