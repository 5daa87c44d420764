// L11: many more threads than processors: the time that they wait is nobody's CPU time.
#include <thread>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kThreads = 60;

int run(unsigned) {
  const auto before = cpu_used();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([] { burn(4ms); });
  for (std::thread& thread : threads) thread.join();
  say("cpu_us", static_cast<std::uint64_t>((cpu_used() - before).count()));
  return 0;
}

const Enrol kAttack{{.id = "L11",
                     .what = "sixty threads that wait for processors",
                     .run = run,
                     .exit_code = 0,
                     .limits = {"wall_time=10s"},
                     .cells = {.count = 5, .order = Cells::Order::in_turn},
                     .accounting = true}};

}  // namespace
}  // namespace retort::attacks
