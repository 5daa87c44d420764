// Credentials: ids, capabilities and the switches that no exec can undo.
#pragma once

#include <sys/types.h>

#include <span>

#include "base/error.h"

namespace retort::kernel {

using base::Status;

// Every capability that this process has survives its next exec, whatever its user id (ambient set,
// capabilities(7)).
Status keep_capabilities_over_exec();

// No capability in any set, and no way to one: bounding and ambient sets empty, securebits locked.
// The ids must be final, since CAP_SETUID goes as well.
Status drop_all_capabilities();

// No capability but these, here and in whatever this process starts (a new user namespace of its
// own gives its first process all of them, there).
Status keep_only_capabilities(std::span<const int> kept);

// Real, effective and saved ids at once; supplementary groups go first where the namespace lets us.
Status become(uid_t user, gid_t group);

// PR_SET_NO_NEW_PRIVS: no later exec gains anything from set-id bits or file capabilities.
Status forbid_new_privileges();

// Neither /proc nor ptrace shows this process to others of its user id, and it leaves no core.
Status hide_from_peers();

}  // namespace retort::kernel
