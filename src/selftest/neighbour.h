// Neighbour: honest work whose answer can be checked, done in another cell while an attack runs.
#pragma once

#include <cstdint>

namespace retort::selftest {

// Some tens of milliseconds of arithmetic and memory; the same on every machine.
std::uint64_t honest_answer(std::uint64_t seed);

}  // namespace retort::selftest
