// Server key: the API key that this user shows to a server; never from the command line, which
// others on this machine can read.
#pragma once

#include <string>

#include "base/error.h"

namespace retort::cli {

// $RETORT_KEY, else the file $XDG_CONFIG_HOME/retort/key (~/.config when unset), else empty: none.
// Fault::denied for a file that others may read or that is not ours; Fault::invalid for what is no
// key. Neither shows it.
base::Result<std::string> find_server_key();

}  // namespace retort::cli
