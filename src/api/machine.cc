// Machine: processors and memory that this process may use, by the kernel and its control groups.
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "api/settings.h"
#include "kernel/files.h"

namespace retort::api {
namespace {

std::optional<std::string> read(const std::string& path) {
  auto text = kernel::read_small_file(AT_FDCWD, path);
  if (!text) return std::nullopt;
  return *std::move(text);
}

// The number at the start of `text`; nothing for "max", "-1" and other words.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{}) return std::nullopt;
  return value;
}

struct Bounds {
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> processors;

  void add_memory(const std::optional<std::string>& text) {
    if (!text) return;
    const auto value = number(*text);
    if (value) memory = std::min(memory.value_or(*value), *value);
  }
  // `quota` of each `period` microseconds, rounded up to whole processors.
  void add_quota(std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
    if (!quota || !period || *quota == 0 || *period == 0) return;
    const std::uint64_t count = (*quota + *period - 1) / *period;
    processors = std::min(processors.value_or(count), count);
  }
};

// "/a/b" gives "/a/b", "/a", "": a group's limit holds for all below it.
std::vector<std::string> with_parents(std::string path) {
  std::vector<std::string> all;
  while (path.size() > 1) {
    all.push_back(path);
    path.resize(path.rfind('/'));
  }
  all.emplace_back();
  return all;
}

// In a container the path may be that of the host, which is not there to see: then its parents and
// the mount's root remain, which is the container's own group.
Bounds bounds_of_groups(const std::string& root) {
  Bounds bounds;
  std::istringstream lines(read(root + "/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || !line.substr(second + 1).starts_with('/')) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string sys = root + "/sys/fs/cgroup";
    for (const std::string& path : with_parents(line.substr(second + 1))) {
      if (controllers == ",,") {
        bounds.add_memory(read(sys + path + "/memory.max"));
        if (const auto text = read(sys + path + "/cpu.max")) {
          const std::size_t space = text->find(' ');
          if (space != std::string::npos)
            bounds.add_quota(number(*text), number(std::string_view(*text).substr(space + 1)));
        }
      }
      if (controllers.contains(",memory,")) {
        bounds.add_memory(read(sys + "/memory" + path + "/memory.limit_in_bytes"));
      }
      if (controllers.contains(",cpu,")) {
        const std::string folder = sys + "/cpu" + path;
        const auto quota = read(folder + "/cpu.cfs_quota_us");
        const auto period = read(folder + "/cpu.cfs_period_us");
        if (quota && period) bounds.add_quota(number(*quota), number(*period));
      }
    }
  }
  return bounds;
}

}  // namespace

Result<Machine> measure_machine(const std::string& root) {
  const auto meminfo = read(root + "/proc/meminfo");
  std::optional<std::uint64_t> kibibytes;
  constexpr std::string_view kTotal = "MemTotal:";
  if (meminfo && meminfo->starts_with(kTotal)) {
    const std::size_t at = meminfo->find_first_not_of(' ', kTotal.size());
    if (at != std::string::npos) kibibytes = number(std::string_view(*meminfo).substr(at));
  }
  if (!kibibytes) {
    return Error{Fault::unsupported,
                 root + "/proc/meminfo: no MemTotal in its first line; set queue.memory",
                 0};
  }
  cpu_set_t processors;
  CPU_ZERO(&processors);
  if (::sched_getaffinity(0, sizeof processors, &processors) != 0) {
    return os_error("sched_getaffinity", "");
  }
  Machine machine{.processors = static_cast<std::uint64_t>(CPU_COUNT(&processors)),
                  .memory = ByteSize::of_bytes(*kibibytes << 10U)};
  const Bounds bounds = bounds_of_groups(root);
  if (bounds.processors) machine.processors = std::min(machine.processors, *bounds.processors);
  if (bounds.memory) machine.memory = std::min(machine.memory, ByteSize::of_bytes(*bounds.memory));
  return machine;
}

}  // namespace retort::api
