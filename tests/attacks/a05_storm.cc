// A05: a storm of children that live for a millisecond; none of them alone uses anything.
#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 800;  // twice the limit

int run(unsigned) {
  for (int i = 0; i < kMost; ++i) {
    expect(survives([] {
             burn(1000us);
             return 0;
           }),
           "a child did not end well");
  }
  return verdict();
}

const Enrol kAttack{{.id = "A05",
                     .what = "a storm of short-lived children",
                     .run = run,
                     .statuses = {"cpu_time_limit"},
                     .limits_hit = {"cpu_time"},
                     .limits = {"cpu_time=400ms", "wall_time=10s"}}};

}  // namespace
}  // namespace retort::attacks
