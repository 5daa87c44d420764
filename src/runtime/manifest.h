// Manifest: one language toolchain, as its runtime.toml describes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cell/limits.h"

namespace retort::runtime {

// A stage of the job: an argument vector with placeholders, and what it runs under.
struct StageSpec {
  std::vector<std::string> command;        // placeholders: see command.h
  std::map<std::string, std::string> env;  // added to the cell's own few variables
  cell::Limits limits;                     // built-in defaults with the manifest's over them
  std::uint32_t own_limits = 0;            // bits of cell::Limit: those that the manifest sets
  std::uint32_t add_ons = 0;               // bits of cell::AddOn, beyond the base filter
};

struct Compile {
  StageSpec stage;
  std::vector<std::string> artefacts;  // names in the working directory that the run stage gets
};

// What a sample program must come to. Checked by `retort runtime test`.
struct Sample {
  std::string name;
  std::vector<std::string> files;  // paths beside runtime.toml; the first is the main file
  std::vector<std::string> args;
  std::string stdin_text;
  std::string stdout_text;
  std::string status = "ok";
  std::optional<int> exit_code;
};

struct Manifest {
  std::string id;      // equals the folder's name
  std::string name;    // for people: "C++ (g++)"
  std::string folder;  // where runtime.toml and the samples are
  std::vector<std::string> aliases;
  std::vector<std::string> extensions;  // without the dot; the first match of a file name decides
  std::string image = "host";
  std::vector<std::string> needs;            // absolute paths in the image that must exist
  std::vector<std::string> packages;         // Debian packages that bring them
  std::vector<std::string> version_command;  // prints the version; run in a cell
  std::string main = "main";                 // name of a source that comes without one
  std::optional<Compile> compile;
  StageSpec run;
  std::vector<Sample> samples;
};

// Reads and validates `folder`/runtime.toml. All faults at once, one a line, each with file, line
// and key.
base::Result<Manifest> load_manifest(const std::string& folder);
// The same for the manifest's text, as if it were read from `folder`.
base::Result<Manifest> parse_manifest(std::string_view text, const std::string& folder);

}  // namespace retort::runtime
