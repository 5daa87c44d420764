// Tests of nearest.h: a slip gets its word, a guess gets none.
#include "text/nearest.h"

#include <gtest/gtest.h>

namespace retort::text {
namespace {

const std::vector<std::string> kKnown = {"cpu_time", "memory", "id", "python", "c"};

TEST(Nearest, FindsTheWordBehindASlip) {
  EXPECT_EQ(nearest("memroy", kKnown), "memory");
  EXPECT_EQ(nearest("nmae", {"name"}), "name");
  EXPECT_EQ(nearest("cputime", kKnown), "cpu_time");
  EXPECT_EQ(nearest("pyhton", kKnown), "python");
}

TEST(Nearest, DoesNotGuess) {
  EXPECT_EQ(nearest("network", kKnown), std::nullopt);
  EXPECT_EQ(nearest("d", kKnown), std::nullopt);
  EXPECT_EQ(nearest("", kKnown), std::nullopt);
  EXPECT_EQ(nearest(std::string(1'000'000, 'm'), kKnown), std::nullopt);
}

TEST(Nearest, SuggestionListsTheKnownWordsWhenNoneIsNear) {
  EXPECT_EQ(suggestion("memroy", kKnown), "; did you mean 'memory'?");
  EXPECT_EQ(suggestion("zig", {"a", "b"}), "; known are a, b");
  EXPECT_EQ(suggestion("zig", {}), "");
}

}  // namespace
}  // namespace retort::text
