// Mounts: the descriptor-based mount interface (fsopen(2), open_tree(2), move_mount(2),
// mount_setattr(2)).
#pragma once

#include <linux/mount.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

using base::Fd;
using base::Result;
using base::Status;

// A new file system that is mounted nowhere yet. Options are key and value; an empty value is a
// flag. `attributes` are MOUNT_ATTR_*.
using MountOptions = std::vector<std::pair<std::string, std::string>>;
Result<Fd> make_filesystem(const std::string& type,
                           const MountOptions& options,
                           std::uint64_t attributes);

// A copy of the mount at `path` (from `directory`), attached nowhere, without what is mounted below
// it.
Result<Fd> copy_mount(int directory, const std::string& path, std::uint64_t attributes);

// Attributes (MOUNT_ATTR_…) that a mount has from here on, besides its own.
Status add_attributes(const Fd& mount, std::uint64_t attributes);

// Attaches a mount of the two functions above at `path`.
Status attach(const Fd& mount, int directory, const std::string& path);

// No mount made here or elsewhere travels between this mount namespace and others.
Status make_all_private();

// The mount at `path` becomes "/", and everything that was mounted before is out of reach.
Status change_root(const std::string& path);

}  // namespace retort::kernel
