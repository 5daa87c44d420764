// Probe: asks the kernel for one feature by using it, in a child that then ends. Never by the
// version's number.
//
// A probe leaves nothing behind: no process, descriptor, mount, file or changed setting. None needs
// root. The caller must have one thread. An Error says what was attempted and why it failed.
#pragma once

#include <functional>

#include "base/error.h"

namespace retort::kernel {

using base::Result;
using base::Status;

// Runs `attempt` in a child, so that whatever it changes ends with it. Its Error comes back whole,
// its words cut at 1 KiB. A child that says nothing is an Error too: killed by a signal, ended
// early, or over 20 seconds.
Status try_in_child(const std::function<Status()>& attempt);

// A user namespace with an id map, and capabilities that count in it.
Status probe_user_namespace();
// Mount, network, IPC, UTS, PID, cgroup and time namespaces in a user namespace, each put to its
// use.
Status probe_namespaces();
// "0" for every kind of namespace in /proc/sys/user of a user namespace.
Status probe_namespace_limits();

// fsopen(2), fsmount(2), move_mount(2), open_tree(2), mount_setattr(2), in a user namespace.
Status probe_mount_calls();
// A read-only overlay over /usr and an empty folder, named relative to the working directory, in a
// user namespace whose parent made the layers.
Status probe_overlay();
// A tmpfs that keeps to nr_inodes.
Status probe_tmpfs();
// A terminal in a devpts of its own, in a user namespace.
Status probe_terminals();
// proc with subset=pid and hidepid=invisible, by process 1 of a PID namespace.
Status probe_proc();

// openat2(2) that does not leave a directory.
Status probe_openat2();
// clone3(2) with CLONE_PIDFD.
Status probe_clone3();
// CLONE_INTO_CGROUP is known. It is not tried on a group: that needs one that this user may write.
Status probe_birth_in_group();
// pidfd_send_signal(2) and waitid(2) with P_PIDFD.
Status probe_pidfd();
Status probe_close_range();
// A memory file that cannot be written any more once it is sealed.
Status probe_seals();
// A system-call filter that refuses one call.
Status probe_filter();

}  // namespace retort::kernel
