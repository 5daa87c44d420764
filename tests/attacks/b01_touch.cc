// B01: touch more memory than the limit: heap, stack, zeroed data.
#include <algorithm>
#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 128U << 20U;  // twice the limit

int run_heap(unsigned) {
  touch(kMost);
  return 0;
}

// Each call holds a page of the stack.
unsigned go_deeper(std::uint64_t bytes) {
  volatile char page[4096];
  page[0] = 1;
  if (bytes <= sizeof page) return 1U;
  const unsigned below = go_deeper(bytes - sizeof page);
  return below + static_cast<unsigned>(page[0]);
}

int run_stack(unsigned) {
  return go_deeper(kMost) == 0 ? 1 : 0;
}

char zeroed[kMost];

int run_zeroed(unsigned) {
  for (std::uint64_t at = 0; at < kMost; at += 4096) {
    *static_cast<volatile char*>(zeroed + at) = 1;
  }
  return 0;
}

Attack over_memory(std::string_view id, std::string_view what, int (*run)(unsigned)) {
  return {.id = id,
          .what = what,
          .run = run,
          .statuses = {"memory_limit"},
          .signal = 9,
          .limits_hit = {"memory"},
          .limits = {"memory=64MiB", "stack=256MiB"}};
}

const Enrol kHeap{over_memory("B01", "touch more heap than the limit", run_heap)};
const Enrol kStack{over_memory("B01b", "touch more stack than the limit", run_stack)};
const Enrol kZeroed{over_memory("B01c", "touch more zeroed data than the limit", run_zeroed)};

}  // namespace
}  // namespace retort::attacks
