// Command: a manifest's argument vector with placeholders, and what it becomes for one job. Never a
// shell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "runtime/manifest.h"

namespace retort::runtime {

// Placeholders. The first three are a whole element; the others may stand inside one.
//   {main}          ./<main file>
//   {sources}       one element for each submitted file with an extension of the runtime's, main
//   file first {args}          the user's arguments; run stage only, last element; appended when it
//   is absent {stem}          the main file's name without its extension; only names that are an
//   identifier {memory_bytes}  the stage's memory limit in bytes; {memory_mib} the same in MiB,
//   rounded down
// {{ and }} stand for { and }.

enum class StageKind : std::uint8_t { compile, run };

// What is wrong with one element of a manifest's command.
struct CommandFault {
  std::size_t element;
  std::string what;
};

// All faults of a manifest's command: unknown or misplaced placeholders, a program that is neither
// an absolute path nor (run stage) "./" and one of `artefacts` or a file below one, NUL bytes,
// emptiness.
std::vector<CommandFault> check_command(const std::vector<std::string>& command,
                                        StageKind kind,
                                        const std::vector<std::string>& artefacts);

// What a job puts in the place of the placeholders.
struct CommandInputs {
  std::string main_file;                // one of `files`
  std::vector<std::string> files;       // names of all submitted files, in their order
  std::vector<std::string> extensions;  // the runtime's
  std::vector<std::string> args;        // the user's; run stage only
  base::ByteSize memory;                // the limit of this stage
};

// The argument vector to execute. `command` passed check_command. Errors (Fault::invalid) are the
// submission's: a bad file name, a main file that {stem} or {sources} cannot name, a NUL byte in an
// argument.
base::Result<std::vector<std::string>> expand_command(const std::vector<std::string>& command,
                                                      StageKind kind,
                                                      const CommandInputs& inputs);

// May a submitted file (or an artefact) have this name? A relative path of well-formed UTF-8
// without control characters; components that are not empty, "." or ".." and at most 255 bytes; at
// most 1024 bytes in all. A leading '-', '@' or space is fine: commands get "./-x". Errors
// (Fault::invalid) say what is wrong with it.
base::Status validate_file_name(std::string_view name);

// "cpp" of "src/main.cpp"; nothing for "Makefile", ".profile" and "x.".
std::string_view extension_of(std::string_view file_name);

// The name that a sample's file is submitted under: its path relative to the folder of the sample's
// first file ("samples/two/greeting.py" beside "samples/two/main.py" is "greeting.py").
// Fault::invalid when it is not in that folder.
base::Result<std::string> submitted_name(const Sample& sample, std::string_view file);

}  // namespace retort::runtime
