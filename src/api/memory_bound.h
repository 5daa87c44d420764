// Memory bound: a server that is short of memory is to refuse requests, and not to be killed by the
// kernel with all of them.
#pragma once

#include "base/error.h"
#include "base/units.h"

namespace retort::api {

// From here on allocations fail (std::bad_alloc) that would make this process grow by more than
// `growth`: cells have the rest of the machine. Of that a reserve is kept, and let go by the
// first allocation that fails, for those who unwind and tell their clients.
base::Status bound_memory(base::ByteSize growth);

// False while the reserve is in use: what is new should be refused. Takes it back when it can.
bool has_memory_reserve();

}  // namespace retort::api
