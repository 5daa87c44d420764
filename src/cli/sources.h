// Sources: the files and folders of this machine that a command line names, for a job.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/job.h"

namespace retort::cli {

// Files keep their last component as name; folders are taken whole, by names relative to them. What
// is named may be a link or a pipe; below a folder only regular files are read, and no link is
// followed, whoever changes the folder meanwhile.
base::Result<std::vector<job::SourceFile>> read_sources(const std::vector<std::string>& paths);

// Which file of a folder a program begins with.
struct MainFile {
  std::string name;                     // as the language calls it: "main.py"
  std::vector<std::string> extensions;  // of the language
  std::string language;                 // for people
};
// Puts that file first: the one of that name, or the only one of the language. Fault::invalid when
// there is neither.
base::Status put_main_first(std::vector<job::SourceFile>& sources, const MainFile& wanted);

bool is_folder(const std::string& path);
// Where written files are put, made when it is not there.
base::Result<base::Fd> open_output_folder(const std::string& path);
// Whatever can be read; not a folder.
base::Result<base::Fd> open_stdin_file(const std::string& path);

}  // namespace retort::cli
