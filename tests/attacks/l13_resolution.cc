// L13: how far past a short limit a program comes.
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr unsigned kCells = 200;
constexpr std::uint64_t kMostOver = 10'000;

int run_cpu(unsigned) {
  burn(500ms);
  return 0;
}

int run_wall(unsigned) {
  rest(500ms);
  return 0;
}

Attack at(std::string_view id,
          std::string_view what,
          int (*run)(unsigned),
          std::string_view status,
          std::string_view limit,
          std::string_view setting) {
  return {.id = id,
          .what = what,
          .run = run,
          .statuses = {status},
          .signal = 9,
          .limits_hit = {limit},
          .most_over_us = kMostOver,
          .limits = {setting},
          .cells = {.count = kCells, .order = Cells::Order::in_turn}};
}

const Enrol kCpu1{at(
    "L13", "1 ms of CPU time, 200 times", run_cpu, "cpu_time_limit", "cpu_time", "cpu_time=1ms")};
const Enrol kCpu10{at("L13b",
                      "10 ms of CPU time, 200 times",
                      run_cpu,
                      "cpu_time_limit",
                      "cpu_time",
                      "cpu_time=10ms")};
const Enrol kWall1{at("L13c",
                      "1 ms of wall time, 200 times",
                      run_wall,
                      "wall_time_limit",
                      "wall_time",
                      "wall_time=1ms")};
const Enrol kWall10{at("L13d",
                       "10 ms of wall time, 200 times",
                       run_wall,
                       "wall_time_limit",
                       "wall_time",
                       "wall_time=10ms")};

}  // namespace
}  // namespace retort::attacks
