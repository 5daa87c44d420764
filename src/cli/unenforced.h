// Unenforced: limits that a host cannot keep, and that a user has agreed to go without.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "keeper/client.h"

namespace retort::cli {

// Bits per cell::Limit of the names after --allow-unenforced.
base::Result<std::uint32_t> parse_unenforced(const std::vector<std::string>& names);

// Fault::unsupported when the keeper cannot enforce a limit that is not in `allowed`; it says which
// and why.
base::Status check_enforceable(const keeper::Abilities& abilities, std::uint32_t allowed);

}  // namespace retort::cli
