// Output files: what a program wrote, from the bundle that was collected into a folder of the
// caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::job {

struct OutputFile {
  std::string name;
  bool is_folder = false;  // an empty one: others are there by what is in them
  bool executable = false;
  std::uint64_t size = 0;
  std::string refused;                      // why it was not taken; empty when it was
  std::optional<std::string> content = {};  // where it was read and not written
};

// Writes every file of `collected` into `folder`; a file of the same name there is replaced. Names
// come from a stranger: nothing is written outside the folder, through a link, or into anything but
// a file. What cannot be written is listed as refused, and so is the rest of a collection that
// broke off.
std::vector<OutputFile> write_output_files(const base::Fd& collected, const base::Fd& folder);

// The same files with their bytes, as long as all of them together have at most `most`; the rest is
// listed as refused.
std::vector<OutputFile> read_output_files(const base::Fd& collected, base::ByteSize most);

}  // namespace retort::job
