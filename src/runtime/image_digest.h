// Image digest: one name for all that a runtime's programs can see of its image, so that what was
// made with one image is not used with another, and so that machines can be compared.
#pragma once

#include <string>

#include "runtime/manifest.h"

namespace retort::runtime {

// "sha256:" and 64 digits. Of the `host` image: over the Debian packages that are installed and
// their versions (dpkg's status file), and over size and modification time of each program that the
// manifest needs, by which software that no package brought is seen. Cheap enough to be asked for
// each job: the status file is read again only when it has changed. One thread at a time.
std::string image_digest(const Manifest& manifest);

// Over the text of the manifest and the image's digest. Fault of the file system: it cannot be
// read.
base::Result<std::string> runtime_digest(const Manifest& manifest);

}  // namespace retort::runtime
