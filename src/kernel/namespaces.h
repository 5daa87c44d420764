// Namespaces: id maps and the settings that a fresh namespace wants.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "base/error.h"

namespace retort::kernel {

using base::Status;

// Is this process in the user namespace that the host booted with? Only there can device nodes be
// made. False where it cannot be told.
bool is_in_first_user_namespace();

struct IdRange {
  unsigned inside;   // first id as the namespace sees it
  unsigned outside;  // the same id as our own namespace sees it
  unsigned count;
};

// uid_map and gid_map of a child's new user namespace (user_namespaces(7)). Without privilege over
// the ids only one line that maps our own id is allowed, and setgroups(2) is denied first.
Status map_ids(pid_t child, std::span<const IdRange> users, std::span<const IdRange> groups);

// Brings up the loopback interface of this network namespace.
Status raise_loopback();

// The boot and monotonic clocks of children to come start near zero (time_namespaces(7)): uptime
// says nothing.
Status hide_uptime();

// No namespace of any kind can be made in this user namespace from here on (namespaces(7),
// /proc/sys/user).
Status forbid_new_namespaces();

}  // namespace retort::kernel
