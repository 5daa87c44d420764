// E02: names of the host in the list of mounts.
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  std::set<std::string> targets;
  std::istringstream lines(read_file("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string root;
    std::string target;
    std::string word;
    std::string type;
    std::string source;
    fields >> skipped >> skipped >> skipped >> root >> target >> skipped;
    while (fields >> word && word != "-") breach(target + " takes part in propagation: " + word);
    fields >> type >> source;
    targets.insert(target);
    const bool is_image = target == "/" || target == "/usr";
    const std::string wanted_type = is_image ? "overlay" : target == "/proc" ? "proc" : "tmpfs";
    const std::string wanted_source = is_image            ? "image"
                                      : target == "/proc" ? "proc"
                                      : target == "/dev"  ? "devices"
                                                          : "scratch";
    expect(type == wanted_type, target + " is of type " + type);
    expect(source == wanted_source, target + " comes from " + source);
    for (const char* name : {"lowerdir=/",
                             "upperdir",
                             "workdir",
                             "/run",
                             "retort",
                             "/work",
                             "/home",
                             "/tmp/",
                             "/dev/vd",
                             "/dev/sd",
                             "/dev/nvme",
                             "/dev/mapper"}) {
      const auto options = line.substr(line.find(" - ") + 3);
      expect(options.find(name) == std::string::npos, target + " tells of " + name + ": " + line);
    }
  }
  const std::set<std::string> wanted = {
      "/", "/box", "/dev", "/dev/shm", "/proc", "/tmp", "/usr", "/var/tmp"};
  for (const std::string& target : targets) expect(wanted.contains(target), "a mount at " + target);
  for (const std::string& target : wanted)
    expect(targets.contains(target), "no mount at " + target);
  for (const char* other : {"/proc/self/mounts", "/proc/self/mountstats"})
    std::fputs(read_file(other).c_str(), stdout);
  return verdict();
}

const Enrol kAttack{{.id = "E02", .what = "names of the host among the mounts", .run = run}};

}  // namespace
}  // namespace retort::attacks
