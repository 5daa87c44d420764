// StateFolder: the folder that holds what survives a restart, and the lock of the one server that
// works on it.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace retort::store {

// Opens the folder, and makes it with mode 0700 when it is missing (its parent must be there).
// Fault::denied when others can write to it: they could put other files in our files' places.
base::Result<base::Fd> open_state_folder(const std::string& path);

// For the server alone: flock(2) on PATH/lock, held until the descriptor closes, however the
// process ends. Fault::busy, and one line that names the other process, when another server holds
// it. The command line, which makes keys while a server runs, does without.
base::Result<base::Fd> lock_state_folder(const base::Fd& folder, const std::string& path);

}  // namespace retort::store
