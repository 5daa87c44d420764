// Image root: the host's own /usr as an image, with a synthetic rest.
#pragma once

#include <span>

#include "base/error.h"

namespace retort::cell {

// Prepares the current directory, which must be an empty file system of the caller's own mount
// namespace, as mount_plan.h expects it: `root` with links, mount points and a synthetic /etc;
// `usr`, the host's /usr; `empty`; `new`. Everything in it is readable by everyone: nothing secret
// may ever be put there.
base::Status prepare_host_image();

// Names in /dev that lead to a program's own streams.
struct DeviceLink {
  const char* name;
  const char* target;
};
std::span<const DeviceLink> device_links();

}  // namespace retort::cell
