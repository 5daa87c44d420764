// Process: making, signalling and reaping children by pidfd, so that a number used again is never
// hit.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

using base::Fd;
using base::Result;
using base::Status;

struct Child {
  pid_t pid = 0;  // 0: we are the child
  Fd pidfd;
};

// clone3(2) as fork: `flags` are CLONE_NEW* flags; with `into_group` (a cgroup v2 directory, or -1)
// the child is born there. The caller must have one thread: the child goes on with a copy of its
// memory.
Result<Child> fork_child(std::uint64_t flags, int into_group = -1);

// pidfd_send_signal(2). A process that is gone already is fine.
Status send_signal(const Fd& pidfd, int signal);

// waitid(2) on a child that has ended or is about to.
Result<siginfo_t> reap(const Fd& pidfd);

// Closes every descriptor from `first` on.
Status close_descriptors_from(unsigned first);

// Default action for every signal, none blocked: what a program may expect when it starts.
void reset_signals();

Status set_resource_limit(__rlimit_resource resource, std::uint64_t value);
// The same, but a hard limit that is already lower stays: only less can ever be had.
Status lower_resource_limit(__rlimit_resource resource, std::uint64_t value);

// What the caller of a privileged parent may have of the scheduler and the out-of-memory killer,
// and a stranger may not: a nice value or an oom_score_adj below 0 becomes 0.
Status shed_favours();

// SIGKILL to this process when its parent dies. A change of ids clears it: set it after them.
Status die_with_parent();

}  // namespace retort::kernel
