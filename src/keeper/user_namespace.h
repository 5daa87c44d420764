// User namespace: how the keeper of an ordinary user gets ids and mounts of its own.
#pragma once

#include "base/error.h"

namespace retort::keeper {

// The ids that the keeper may give to cells, as its own namespace sees them.
struct IdBlock {
  unsigned first = 0;
  unsigned count = 0;          // 0: none; cells run under the keeper's own id
  bool own_namespace = false;  // the keeper has entered a user namespace of its own
};

// For root: ids above all that Debian and systemd hand out, a block for each instance. For others:
// enters a new user namespace, with the user's subordinate ids (/etc/subuid, through newuidmap)
// where there are any, else with the one id. Fault::denied with what to change when the host does
// not allow that.
base::Result<IdBlock> acquire_ids(unsigned instance);

}  // namespace retort::keeper
