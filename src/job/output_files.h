// Output files: what a program wrote, from the bundle that was collected into a folder of the
// caller's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace retort::job {

struct OutputFile {
  std::string name;
  std::uint64_t size = 0;
  std::string refused;  // why it was not taken; empty when it was
};

// Writes every file of `collected` into `folder`; a file of the same name there is replaced. Names
// come from a stranger: nothing is written outside the folder, through a link, or into anything but
// a file. What cannot be written is listed as refused, and so is the rest of a collection that
// broke off.
std::vector<OutputFile> write_output_files(const base::Fd& collected, const base::Fd& folder);

}  // namespace retort::job
