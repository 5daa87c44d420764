// B03: children that each stay below the limit, and together do not.
#include <cstdint>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kLimit = 64U << 20U;
constexpr int kChildren = 4;

int run(unsigned) {
  std::vector<pid_t> children;
  for (int i = 0; i < kChildren; ++i) {
    children.push_back(spawn([] {
      touch(kLimit / 2);
      rest(1000ms);
      return 0;
    }));
  }
  for (const pid_t child : children) wait_for(child);
  return 0;
}

const Enrol kAttack{{.id = "B03",
                     .what = "children that are over the limit together",
                     .run = run,
                     .statuses = {"memory_limit"},
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB"}}};

}  // namespace
}  // namespace retort::attacks
