// Sources: the files and folders of this machine that a command line names, read for a job.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "job/job.h"

namespace retort::cli {

// Files keep their last component as name; folders are taken whole, by names relative to them. What
// is named may be a link or a pipe; below a folder only regular files are read, and no link is
// followed, whoever changes the folder meanwhile.
base::Result<std::vector<job::SourceFile>> read_sources(const std::vector<std::string>& paths);

}  // namespace retort::cli
