// Devices: a cell's own /dev.
#pragma once

#include "base/error.h"
#include "base/fd.h"

namespace retort::cell {

// A file system with device nodes of its own, attached nowhere, read-only: locks on and watches of
// a node that every cell has in common would be a channel between them. Takes CAP_MKNOD of the
// host; nodes made in another user namespace cannot be opened (mount_namespaces(7), "nodev").
base::Result<base::Fd> make_devices();

}  // namespace retort::cell
