// Mount plan: the cell's file system as an ordered list of mounts. Pure, so that a test can read
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cell/spec.h"
#include "kernel/mounts.h"

namespace retort::cell {

// What the keeper prepared in init's working directory: see image_root.h.
constexpr const char* kTemplateRoot = "root";    // the root without /usr
constexpr const char* kTemplateUsr = "usr";      // the image's /usr
constexpr const char* kTemplateEmpty = "empty";  // the second layer that a read-only overlay wants
constexpr const char* kNewRoot = "new";          // where the cell's root is put together

// Where the program starts; its home.
constexpr const char* kBox = "/box";

struct MountStep {
  enum class Kind : std::uint8_t {
    filesystem,  // a new one of `type` with `options`
    copy,        // of the mount at `source`
    folder,      // of the writable file system: `source` is its name there
    devices,     // the one that the keeper made (devices.h)
    terminals,   // likewise (kernel/terminal.h)
  };
  Step step;
  Kind kind;
  std::string type;
  std::string source;
  std::string target;  // in the cell
  kernel::MountOptions options;
  std::uint64_t attributes;  // MOUNT_ATTR_*
};

// Folders of the writable file system, with mode and whether the program owns it.
struct ScratchFolder {
  const char* name;
  unsigned mode;
  bool owned;
  const char* target;
};
const std::vector<ScratchFolder>& scratch_folders();

// In order; the writable file system itself is made by the step whose target is empty.
std::vector<MountStep> mount_plan(const InitSpec& spec);

}  // namespace retort::cell
