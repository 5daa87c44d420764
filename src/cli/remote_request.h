// Remote request: a command line of `retort run` as the body of POST /v1/run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "job/job.h"
#include "text/json.h"

namespace retort::cli {

// Does the answer of GET /v1/runtimes decide something? Not where the language is named, and with
// it the main file.
bool needs_runtimes(const RunOptions& options);

// Everything but stdin. `runtimes` is that answer where it is needed; it chooses the language by
// the files' names, and a folder's main file. Faults of the command line are told as those of a run
// on this machine.
base::Result<text::json::object> make_remote_request(const RunOptions& options,
                                                     std::vector<job::SourceFile> sources,
                                                     const text::json::object* runtimes);

}  // namespace retort::cli
