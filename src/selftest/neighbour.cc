// Neighbour: a walk through a megabyte, so that caches and memory count as well as arithmetic.
#include "selftest/neighbour.h"

#include <vector>

namespace retort::selftest {

std::uint64_t honest_answer(std::uint64_t seed) {
  constexpr std::size_t kCells = 1U << 17U;
  constexpr unsigned kSteps = 8'000'000;
  std::vector<std::uint64_t> memory(kCells, seed);
  std::uint64_t state = seed | 1U;
  for (unsigned step = 0; step < kSteps; ++step) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::uint64_t& cell = memory[(state >> 33U) % kCells];
    cell ^= state + step;
    state += cell;
  }
  return state;
}

}  // namespace retort::selftest
