// Artefact file: what a compile stage made and said, as one memory file that a cache can keep.
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "job/contents.h"
#include "job/stage.h"

namespace retort::job {

// The name of what compiling this would make: over the image, the command, the variables, what is
// collected and each file; and over the scope, so that two scopes share nothing.
base::Result<std::string> compile_key(const Built& built,
                                      const Contents& contents,
                                      std::uint32_t add_ons,
                                      const std::string& scope);

// A sealed memory file: the collected bundle, and behind its end the stage's record.
base::Result<base::Fd> make_artefact_file(const base::Fd& collected, const StageResult& stage);

// The stage's record out of one; the file itself is a bundle still. Fault::invalid when it is none.
base::Result<StageResult> read_artefact_file(const base::Fd& file);

}  // namespace retort::job
