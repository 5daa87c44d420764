// Output files: what a program wrote, from the bundle that was collected into a folder of the
// caller's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/job.h"

namespace retort::job {

struct OutputFile {
  std::string name;
  std::uint64_t size = 0;
  std::string refused;  // why it was not taken; empty when it was
};

// Writes every file of `collected` that is not an input left as it was into `folder`, which is made
// when it is missing. Names come from a stranger: nothing is written outside the folder, through a
// link, or over an existing link; a name that validate_file_name refuses is listed as refused.
base::Result<std::vector<OutputFile>> write_output_files(const base::Fd& collected,
                                                         const std::vector<SourceFile>& inputs,
                                                         const std::string& folder);

}  // namespace retort::job
