// Clock: the one clock that limits are measured by.
#pragma once

#include <ctime>

#include "base/units.h"

namespace retort::base {

// Time since some fixed point, by CLOCK_MONOTONIC: setting the wall clock does not move it.
inline Duration monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(now.tv_sec) +
                                              std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace retort::base
