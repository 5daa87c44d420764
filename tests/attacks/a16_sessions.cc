// A16: processes in a session each, so that a kernel that shares processors out by sessions gives
// this cell many shares; beside it a cell that has one.
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSessions = 40;
constexpr double kMostSlower = 4;  // half a processor is always left to the other

int run_many() {
  std::vector<pid_t> children;
  for (int i = 0; i < kSessions; ++i) {
    children.push_back(spawn([] {
      ::setsid();
      burn(200ms);
      return 0;
    }));
  }
  for (const pid_t child : children) wait_for(child);
  return 0;
}

int run(unsigned place) {
  if (place == 0) return run_many();
  rest(200ms);  // until the others are there
  const auto begin = Clock::now();
  burn(300ms);
  const std::chrono::duration<double> took = Clock::now() - begin;
  const double slower = took.count() / 0.3;
  std::printf("note: a cell beside it takes %.1f times its CPU time\n", slower);
  expect(slower < kMostSlower, "another cell's sessions took the processors");
  return verdict();
}

const Enrol kAttack{{.id = "A16",
                     .what = "many sessions, for many shares of the processors",
                     .run = run,
                     .limits = {"cpu_time=20s", "wall_time=30s"},
                     .cells = {.count = 2, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
