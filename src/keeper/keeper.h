// Keeper: the privileged process that makes, meters and ends cells for one client.
#pragma once

#include <optional>

#include "base/error.h"
#include "base/fd.h"

namespace retort::keeper {

// Serves the client behind `client` until it closes; every cell dies before this returns. False
// when something kept the keeper from serving: the client was told, in a refused frame with the id
// 0.
base::Result<bool> serve(base::Fd client, std::optional<unsigned> instance);

}  // namespace retort::keeper
