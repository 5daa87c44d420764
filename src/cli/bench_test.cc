// Tests of bench_figures.h: the figures are those of the definitions, whatever the number of runs.
#include <gtest/gtest.h>

#include "cli/bench_figures.h"

namespace retort::cli {
namespace {

using base::Duration;

// 1 us, 2 us … `count` us.
std::vector<Duration> up_to(int count) {
  std::vector<Duration> times;
  for (int i = 1; i <= count; ++i) times.emplace_back(i);
  return times;
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(percentile(up_to(100), 99), Duration(99));
  EXPECT_EQ(percentile(up_to(101), 99), Duration(100));
  EXPECT_EQ(percentile(up_to(200), 99), Duration(198));
  EXPECT_EQ(percentile(up_to(10), 50), Duration(5));
}

TEST(Percentile, StaysAmongTheValues) {
  EXPECT_EQ(percentile(up_to(7), 99), Duration(7));
  EXPECT_EQ(percentile(up_to(7), 100), Duration(7));
  EXPECT_EQ(percentile(up_to(7), 0), Duration(1));
  EXPECT_EQ(percentile(up_to(1), 99), Duration(1));
}

TEST(Median, IsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_EQ(median(up_to(1)), Duration(1));
  EXPECT_EQ(median(up_to(7)), Duration(4));
  const std::vector<Duration> even = {Duration(10), Duration(20), Duration(40), Duration(900)};
  EXPECT_EQ(median(even), Duration(30));
}

TEST(FiguresOf, TakesTimesInAnyOrder) {
  const Figures figures = figures_of({Duration(30), Duration(900), Duration(10), Duration(20)});
  EXPECT_EQ(figures.runs, 4U);
  EXPECT_EQ(figures.min, Duration(10));
  EXPECT_EQ(figures.median, Duration(25));
  EXPECT_EQ(figures.p99, Duration(900));
  EXPECT_EQ(figures_of({}).runs, 0U);
}

TEST(Ratio, OfNothingIsZero) {
  EXPECT_DOUBLE_EQ(ratio(Duration(300), Duration(200)), 1.5);
  EXPECT_DOUBLE_EQ(ratio(Duration(300), Duration(0)), 0);
}

}  // namespace
}  // namespace retort::cli
