// Remote: `retort run` through a server.
#pragma once

#include <string>

#include "cli/commands.h"

namespace retort::cli {

// The server of --host, or of $RETORT_HOST; empty: run here.
std::string host_of(const RunOptions& options);

// The same command as a run on this machine: streams as they come, the same exit codes.
int run_remote(const RunOptions& options, const std::string& host);

}  // namespace retort::cli
