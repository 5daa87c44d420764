// F25: control groups: their files, and the helpers of version 1 that run on the host.
#include <fcntl.h>
#include <sys/syscall.h>

#include <sstream>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  for (const char* path : {"/sys",
                           "/sys/fs/cgroup",
                           "/cgroup",
                           "/dev/cgroup",
                           "/sys/fs/cgroup/release_agent",
                           "/sys/fs/cgroup/memory/release_agent",
                           "/sys/fs/cgroup/cgroup.procs",
                           "/sys/fs/cgroup/devices/devices.allow",
                           "/sys/fs/cgroup/unified/cgroup.procs",
                           "/proc/cgroups",
                           "/proc/sys/kernel/core_pattern"}) {
    expect_absent(path);
  }
  expect(read_file("/proc/self/mountinfo").find("cgroup") == std::string::npos,
         "a control group file system is mounted");
  // Its own group is the root it sees: no name of the host's, nothing above.
  std::istringstream lines(read_file("/proc/self/cgroup"));
  unsigned count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    expect(line.ends_with(":/"), "a control group is named: " + line);
  expect(count > 0, "/proc/self/cgroup is empty");
  const char type[] = "cgroup2";
  expect_answer({"mount cgroup2", SYS_mount, {0, address_of("/nowhere"), address_of(type)}, EPERM});
  expect_answer({"fsopen cgroup2", SYS_fsopen, {address_of(type), 0}, EPERM});
  return verdict();
}

const Enrol kAttack{
    {.id = "F25", .what = "control groups and release agents", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
