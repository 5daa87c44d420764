// Devices: a cell's own /dev.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace retort::cell {

enum class Nodes : std::uint8_t {
  own,    // takes CAP_MKNOD of the host: those of another user namespace cannot be opened
          // (mount_namespaces(7), "nodev")
  empty,  // files of these names, to bind the host's nodes to
};

// A file system with device nodes of its own, attached nowhere, read-only: locks on and watches of
// a node that every cell has in common would be a channel between them. With `terminal` also
// /dev/tty and the folder /dev/pts.
base::Result<base::Fd> make_devices(Nodes nodes, bool terminal);

}  // namespace retort::cell
