// B15: ask for one's pages to be swapped out, and so hold more than the limit.
#include <sys/mman.h>

#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 128U << 20U;  // twice the limit
constexpr std::uint64_t kStep = 8U << 20U;

int run(unsigned) {
  for (std::uint64_t held = 0; held < kMost; held += kStep) {
    char* memory = touch(kStep);
    if (memory != nullptr) (void)::madvise(memory, kStep, MADV_PAGEOUT);
  }
  return 0;
}

const Enrol kAttack{{.id = "B15",
                     .what = "swap instead of memory",
                     .run = run,
                     .statuses = {"memory_limit"},
                     .signal = 9,
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB"}}};

}  // namespace
}  // namespace retort::attacks
