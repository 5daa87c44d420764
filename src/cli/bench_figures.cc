// Bench figures: order statistics.
#include "cli/bench_figures.h"

#include <algorithm>

namespace retort::cli {

using base::Duration;

Duration percentile(std::span<const Duration> sorted, unsigned percent) {
  const std::size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Duration median(std::span<const Duration> sorted) {
  const std::size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

Figures figures_of(std::vector<Duration> times) {
  if (times.empty()) return {};
  std::ranges::sort(times);
  return {.runs = times.size(),
          .min = times.front(),
          .median = median(times),
          .p99 = percentile(times, 99)};
}

double ratio(Duration whole, Duration part) {
  if (part == Duration(0)) return 0;
  return static_cast<double>(whole.count()) / static_cast<double>(part.count());
}

}  // namespace retort::cli
