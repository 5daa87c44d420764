// B17: make the kernel choose another victim.
#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 128U << 20U;  // twice the limit

int run_lower(unsigned) {
  for (const char* score : {"-1000", "-1", "-17"})
    expect(!write_file("/proc/self/oom_score_adj", score), "a score for ever below 0");
  expect(!write_file("/proc/self/oom_adj", "-17"), "the old score");
  expect(!write_file("/proc/1/oom_score_adj", "1000"), "another's score");
  return verdict();
}

int run_higher(unsigned) {
  expect(write_file("/proc/self/oom_score_adj", "1000"), "it could not volunteer");
  touch(kMost);
  return 0;
}

const Enrol kLower{
    {.id = "B17", .what = "be the last to be killed for memory", .run = run_lower, .exit_code = 0}};
const Enrol kHigher{{.id = "B17b",
                     .what = "be the first of the host to be killed for memory",
                     .run = run_higher,
                     .statuses = {"memory_limit"},
                     .signal = 9,
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB"}}};

}  // namespace
}  // namespace retort::attacks
