// A11: busy loops in more processes and threads than there are processors; none of them alone
// reaches the limit.
#include <thread>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kProcesses = 4;
constexpr int kThreads = 2;

int burn_in_threads() {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([] { burn(100ms); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

int run(unsigned) {
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) children.push_back(spawn(burn_in_threads));
  for (const pid_t child : children) wait_for(child);
  return 0;
}

const Enrol kAttack{{.id = "A11",
                     .what = "many busy loops, each within the limit",
                     .run = run,
                     .statuses = {"cpu_time_limit"},
                     .limits_hit = {"cpu_time"},
                     .limits = {"cpu_time=400ms", "wall_time=10s"}}};

}  // namespace
}  // namespace retort::attacks
