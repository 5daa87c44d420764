// Processors: how many there are.
#pragma once

namespace retort::kernel {

// Those that are online, not those that this process was given: a child may choose others
// (sched_setaffinity(2)). As many as the kernel may ever have, should it not say.
unsigned count_processors();

}  // namespace retort::kernel
