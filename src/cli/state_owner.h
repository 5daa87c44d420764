// State owner: the folder that a server keeps its state in, and whose it is.
#pragma once

#include "api/settings.h"
#include "base/error.h"

namespace retort::cli {

// Makes the folder when it is missing, and, started by root, becomes the user that the server runs
// as (`server.user`): what is written there is that user's, and root opens nothing in a folder that
// others can change. Capabilities are still there to be dropped.
base::Status enter_state(const api::Settings& settings);

}  // namespace retort::cli
