// Landlock: a second wall around files, sockets and signals, independent of mounts and namespaces.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace retort::kernel {

// What a restricted process, and all its children, may still do with paths.
struct LandlockRules {
  std::vector<std::string> readable;  // folders whose files can be read and executed
  std::vector<std::string>
      writable;  // folders in which everything but device nodes can be made, written, moved
  std::vector<std::string>
      rewritable;  // folders whose files can be written, but not made or removed
  std::vector<int> writable_descriptors;       // folders that are mounted nowhere, likewise
  std::vector<int> readable_descriptors = {};  // folders that can be read, likewise
  // Devices, or folders of them, that take commands (ioctl(2), Landlock 5), besides what else the
  // rules above allow.
  std::vector<std::string> terminals = {};
  bool internet = false;  // TCP sockets may be bound and connected (Landlock 4)
};

// The version that this kernel offers (landlock_create_ruleset(2)); an Error where it is absent or
// switched off.
base::Result<int> landlock_version();

// Restricts this process for good, as far as `version` goes: 2 knows moving between folders, 3
// truncation, 4 TCP, 5 device ioctls, 6 signals and abstract sockets to outside. Wants
// no_new_privs.
base::Status restrict_with_landlock(const LandlockRules& rules, int version);

}  // namespace retort::kernel
