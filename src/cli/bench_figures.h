// Bench figures: what a series of measured times comes to.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/units.h"

namespace retort::cli {

struct Figures {
  std::size_t runs = 0;
  base::Duration min{};
  base::Duration median{};
  base::Duration p99{};
};

// By nearest rank: the smallest of `sorted` that at least `percent` in a hundred of it do not
// exceed. Below a hundred values the 99th is therefore the largest. `sorted` is not empty.
base::Duration percentile(std::span<const base::Duration> sorted, unsigned percent);

// The middle one, or the mean of the two in the middle. `sorted` is not empty.
base::Duration median(std::span<const base::Duration> sorted);

// In any order; no times, no figures.
Figures figures_of(std::vector<base::Duration> times);

// How many times `part` is in `whole`; 0 when `part` is 0.
double ratio(base::Duration whole, base::Duration part);

}  // namespace retort::cli
