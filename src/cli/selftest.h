// Selftest: what its two modes share.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "selftest/attack.h"

namespace retort::cli {

// The attacks of these ids and classes, all without any. Fault::invalid names what is none.
base::Result<std::vector<const selftest::Attack*>> choose_attacks(
    const std::vector<std::string>& ids);

// Those of `chosen` that make sense there, in another sandbox.
int selftest_against(const SelftestOptions& options,
                     const std::vector<const selftest::Attack*>& chosen);

}  // namespace retort::cli
