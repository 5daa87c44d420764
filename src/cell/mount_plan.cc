// Mount plan: the table of SECURITY.md as data.
#include "cell/mount_plan.h"

#include "base/weaken.h"

namespace retort::cell {
namespace {

constexpr std::string_view kTerminalDevice = "/dev/tty";
constexpr std::uint64_t kReadOnly = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// Test-only: the image's own mount, shared with every cell.
MountStep shared_layer(Step step, const std::string& source, const std::string& target) {
  return {.step = step,
          .kind = MountStep::Kind::copy,
          .type = "",
          .source = source,
          .target = target,
          .options = {},
          .attributes = kReadOnly};
}

// A private overlay gives the cell inodes of its own: locks, leases and watches on the image's
// files meet nobody else's.
MountStep image_layer(Step step, const std::string& lower, const std::string& target) {
  if (base::weakened("mount:overlay")) return shared_layer(step, lower, target);
  return {.step = step,
          .kind = MountStep::Kind::filesystem,
          .type = "overlay",
          .source = "",
          .target = target,
          // The first layer answers statfs(2): the image's would tell of the host's disk. And what
          // a kernel may have switched on by default and an image has no use for.
          .options = {{"source", "image"},
                      {"lowerdir", kTemplateEmpty + (":" + lower)},
                      {"redirect_dir", "nofollow"},
                      {"metacopy", "off"},
                      {"index", "off"},
                      {"xino", "off"}},
          .attributes = kReadOnly};
}

}  // namespace

const std::vector<ScratchFolder>& scratch_folders() {
  static const std::vector<ScratchFolder> kFolders = {
      {.name = "box", .mode = 0700, .owned = true, .target = kBox},
      {.name = "tmp", .mode = 01777, .owned = false, .target = "/tmp"},
      {.name = "var-tmp", .mode = 01777, .owned = false, .target = "/var/tmp"},
      {.name = "shm", .mode = 01777, .owned = false, .target = "/dev/shm"},
  };
  return kFolders;
}

std::vector<MountStep> mount_plan(const InitSpec& spec) {
  std::vector<MountStep> plan;
  plan.push_back(image_layer(Step::root, kTemplateRoot, "/"));
  plan.push_back(image_layer(Step::usr, kTemplateUsr, "/usr"));
  std::vector<std::pair<std::string, std::string>> proc = {{"source", "proc"}};
  if (!base::weakened("proc:subset")) proc.emplace_back("subset", "pid");
  if (!base::weakened("proc:hidepid")) proc.emplace_back("hidepid", "invisible");
  // hidepid: other ids' processes, retort-init among them, are not listed; subset: nothing about
  // the host.
  plan.push_back({.step = Step::proc,
                  .kind = MountStep::Kind::filesystem,
                  .type = "proc",
                  .source = "",
                  .target = "/proc",
                  .options = proc,
                  .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  if (spec.has_devices()) {
    plan.push_back({.step = Step::devices,
                    .kind = MountStep::Kind::devices,
                    .type = "",
                    .source = "",
                    .target = "/dev",
                    .options = {},
                    .attributes = 0});
  }
  // Elsewhere the host's own nodes: an ordinary user can make none.
  for (const char* device :
       {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}) {
    if (spec.own_devices != 0) break;
    if (device == kTerminalDevice && spec.terminal == 0) continue;
    plan.push_back({.step = Step::devices,
                    .kind = MountStep::Kind::copy,
                    .type = "",
                    .source = device,
                    .target = device,
                    .options = {},
                    .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC});
  }
  if (spec.terminal != 0) {
    plan.push_back({.step = Step::terminal,
                    .kind = MountStep::Kind::terminals,
                    .type = "",
                    .source = "",
                    .target = "/dev/pts",
                    .options = {},
                    .attributes = 0});
  }
  // One file system for all that can be written: one budget of bytes and inodes, charged to the
  // cell's memory.
  plan.push_back({.step = Step::scratch,
                  .kind = MountStep::Kind::filesystem,
                  .type = "tmpfs",
                  .source = "",
                  .target = "",
                  .options = {{"source", "scratch"},
                              {"size", std::to_string(spec.disk_bytes)},
                              {"nr_inodes", std::to_string(spec.disk_inodes)},
                              {"mode", "0711"}},
                  .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV});
  for (const ScratchFolder& folder : scratch_folders()) {
    plan.push_back({.step = Step::scratch,
                    .kind = MountStep::Kind::folder,
                    .type = "",
                    .source = folder.name,
                    .target = folder.target,
                    .options = {},
                    .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV});
  }
  return plan;
}

}  // namespace retort::cell
