// Cgroup files: the small reads, and the removal of groups, that versions 1 and 2 share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

// A file that holds one number.
base::Result<std::uint64_t> read_number(const base::Fd& group, const std::string& file);
// The number behind `key` in a file of "key number" lines.
base::Result<std::uint64_t> read_keyed(const base::Fd& group,
                                       const std::string& file,
                                       std::string_view key);
// The same from a file that stays open, read from its start.
base::Result<std::uint64_t> reread_number(const base::Fd& file);
base::Result<std::uint64_t> reread_keyed(const base::Fd& file, std::string_view key);

// "…/retort/NAME" and its parent, where they are missing.
base::Status make_group_folders(const std::string& folder);
// rmdir(2), once. A missing group is fine; Fault::busy for the moment that the kernel needs after
// the last process is gone.
base::Status remove_group(const std::string& path);
// Kills every process below `folder`, removes all of it, and its parent when that is empty. A
// missing folder is fine.
base::Status sweep_group_folders(const std::string& folder);

}  // namespace retort::kernel
