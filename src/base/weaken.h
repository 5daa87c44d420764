// Weaken: test-only switches. In a build of the preset `weak` each defence that $RETORT_WEAKEN
// names (separated by commas) is taken away, so that tests/weakened can show what it was for. In
// every other build this is `false` to the compiler, and nothing of it is left in the programs.
#pragma once

#include <string_view>
#ifdef RETORT_WEAKENED
#include <cstdlib>
#endif

namespace retort::base {

#ifdef RETORT_WEAKENED
constexpr bool kWeakenedBuild = true;

inline std::string_view weakened_names() {
  const char* names = std::getenv("RETORT_WEAKEN");
  return names != nullptr ? names : "";
}

inline bool weakened(std::string_view defence) {
  for (std::string_view rest = weakened_names(); !rest.empty();) {
    const std::size_t comma = rest.find(',');
    if (rest.substr(0, comma) == defence) return true;
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return false;
}
#else
constexpr bool kWeakenedBuild = false;
constexpr std::string_view weakened_names() {
  return "";
}
constexpr bool weakened(std::string_view) {
  return false;
}
#endif

}  // namespace retort::base
