// L03: a good end within a millisecond of the limit, before and after it: the verdict follows from
// what was used, not from who was first. That it does is looked at in every result (runner.cc).
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

using std::chrono::microseconds;

constexpr microseconds kLimit{50'000};
constexpr microseconds kStep{250};
constexpr unsigned kCells = 45;

// From a millisecond before the limit to one after it.
microseconds aim(unsigned place) {
  return kLimit + kStep * (static_cast<int>(place % 9) - 4);
}

int run_cpu(unsigned place) {
  const auto before = cpu_used();
  burn(aim(place));
  say("cpu_us", static_cast<std::uint64_t>((cpu_used() - before).count()));
  ::_exit(0);
}

int run_wall(unsigned place) {
  rest(aim(place));
  ::_exit(0);
}

// The end is a millisecond beyond doubt, and the race is against the kill alone.
int run_beyond(unsigned) {
  burn(kLimit + microseconds(1000));
  ::_exit(0);
}

const Enrol kCpu{{.id = "L03",
                  .what = "a good end at the limit of CPU time",
                  .run = run_cpu,
                  .statuses = {"ok", "cpu_time_limit"},
                  .may_hit = {"cpu_time"},
                  .limits = {"cpu_time=50ms", "extra_time=1s"},
                  .cells = {.count = kCells, .order = Cells::Order::in_turn},
                  .accounting = true}};
const Enrol kWall{{.id = "L03b",
                   .what = "a good end at the limit of wall time",
                   .run = run_wall,
                   .statuses = {"ok", "wall_time_limit"},
                   .may_hit = {"wall_time"},
                   .limits = {"wall_time=50ms"},
                   .cells = {.count = kCells, .order = Cells::Order::in_turn}}};
const Enrol kBeyond{{.id = "L03c",
                     .what = "a good end just beyond the limit, twenty times",
                     .run = run_beyond,
                     .statuses = {"cpu_time_limit"},
                     .limits_hit = {"cpu_time"},
                     .limits = {"cpu_time=50ms"},
                     .cells = {.count = 20, .order = Cells::Order::in_turn}}};
// With time beyond the limit before the kill, it ends by itself: too late all the same.
const Enrol kGrace{{.id = "L03d",
                    .what = "a good end in the time between limit and kill, twenty times",
                    .run = run_beyond,
                    .statuses = {"cpu_time_limit"},
                    .exit_code = 0,
                    .limits_hit = {"cpu_time"},
                    .limits = {"cpu_time=50ms", "extra_time=1s"},
                    .cells = {.count = 20, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
