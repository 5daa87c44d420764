// Contents: what a cell is given, as a sealed bundle: words, variables, files.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/submission.h"

namespace retort::job {

// A program whose files are complete: unpacked, compiled as far as its runtime compiles.
struct Built {
  Program program;
  std::string main_file;
  std::vector<std::string> names;             // of all submitted files, the main one first
  std::shared_ptr<const base::Fd> unpacked;   // a bundle of files; null: there was no archive
  std::shared_ptr<const base::Fd> artefacts;  // likewise what was compiled
};

// A file that is given to a run beside the program's own.
struct GivenFile {
  std::string name;
  Input input;
};

// What one stage is to have.
struct Contents {
  std::vector<std::string> command;
  std::map<std::string, std::string> env;  // over the few variables that every program finds
  std::vector<std::string> wanted;         // names to collect
  std::vector<GivenFile> given;
  std::vector<std::string> folders;  // made empty
};

// Names that can stand beside each other: valid, none twice, none that another needs as a folder.
base::Status check_names(const std::vector<std::string>& names);

// The names in a collected bundle. Fault::invalid when something was not taken; it says what and
// why. Fault::internal when the bundle breaks off.
base::Result<std::vector<std::string>> names_in(const base::Fd& collected);

// The same files, without the folder that all of them lie in.
base::Result<base::Fd> without_folder(const base::Fd& collected, const std::string& folder);

// A sealed memory file. The compiler's files win over submitted ones of the same name, those over
// unpacked ones; what is given may have no name that is taken. Errors are Fault::invalid when the
// program's files are to blame.
base::Result<base::Fd> make_bundle(const Built& built, const Contents& contents);

}  // namespace retort::job
