// L06: set the clock, slew it, or take another time for oneself.
#include <sys/time.h>
#include <sys/timex.h>

#include <cerrno>
#include <ctime>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr time_t kDay = 86'400;

int run(unsigned) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += kDay;
  expect_refused(::clock_settime(CLOCK_REALTIME, &now), {EPERM}, "clock_settime");
  expect_refused(::clock_settime(CLOCK_MONOTONIC, &now), {EPERM, EINVAL}, "clock_settime");
  const timeval later{.tv_sec = now.tv_sec, .tv_usec = 0};
  expect_refused(::settimeofday(&later, nullptr), {EPERM}, "settimeofday");
  timex slew{};
  slew.modes = ADJ_FREQUENCY;
  slew.freq = 500L << 16U;
  expect_refused(::adjtimex(&slew), {EPERM}, "adjtimex");
  expect_refused(::clock_adjtime(CLOCK_REALTIME, &slew), {EPERM}, "clock_adjtime");
  expect(!write_file("/proc/self/timens_offsets", "monotonic -1000 0\n"), "another clock");
  rest(std::chrono::seconds(2));
  return 0;
}

const Enrol kAttack{{.id = "L06",
                     .what = "set the clock back",
                     .run = run,
                     .statuses = {"wall_time_limit"},
                     .signal = 9,
                     .limits_hit = {"wall_time"},
                     .limits = {"wall_time=300ms"}}};

}  // namespace
}  // namespace retort::attacks
