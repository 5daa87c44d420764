// Scheduler: order, fairness, bounds and what is given back.
#include "job/scheduler.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace retort::job {
namespace {

using namespace base;  // NOLINT(google-build-using-namespace)
using Seat = Scheduler::Seat;
using Place = Scheduler::Place;

constexpr Capacity kOneSeat{.seats = 1, .memory = 100_MiB, .queue_length = 100};

// Jobs by name; the order in which they were seated.
class SchedulerTest : public testing::Test {
 protected:
  void join(Scheduler& scheduler, const std::string& name, Demand demand) {
    auto admission = scheduler.join(std::move(demand), [this, name](Seat seat) {
      order_.push_back(name);
      seats_.emplace(name, std::move(seat));
    });
    ASSERT_TRUE(admission) << admission.error().what;
    if (admission->seat) {
      order_.push_back(name);
      seats_.emplace(name, std::move(*admission->seat));
    } else {
      places_.emplace(name, std::move(admission->place));
    }
  }
  // Ends who was seated first, until nobody is left.
  void drain() {
    for (std::size_t next = 0; next < order_.size(); ++next) end(order_[next]);
  }
  // Out of the map first: giving back the seat puts the next one in.
  void end(const std::string& name) { const auto ended = seats_.extract(std::string(name)); }

  std::map<std::string, Seat> seats_;
  std::map<std::string, Place> places_;
  std::vector<std::string> order_;
};

using Names = std::vector<std::string>;

TEST_F(SchedulerTest, SeatsAtOnceThenInTheOrderOfArrival) {
  Scheduler scheduler(kOneSeat);
  for (const char* name : {"a", "b", "c"}) join(scheduler, name, {.owner = "x"});
  EXPECT_EQ(order_, Names{"a"});
  EXPECT_EQ(scheduler.figures().waiting, 2U);
  drain();
  EXPECT_EQ(order_, (Names{"a", "b", "c"}));
  EXPECT_EQ(scheduler.figures().seats_taken, 0U);
  EXPECT_EQ(scheduler.figures().memory_taken.bytes(), 0U);
}

TEST_F(SchedulerTest, OneOwnersFloodDoesNotHoldUpAnother) {
  Scheduler scheduler(kOneSeat);
  for (int i = 0; i < 50; ++i) join(scheduler, "flood" + std::to_string(i), {.owner = "x"});
  join(scheduler, "first", {.owner = "y"});
  join(scheduler, "second", {.owner = "y"});
  drain();
  EXPECT_EQ(order_[1], "first");
  EXPECT_EQ(order_[3], "second");
}

TEST_F(SchedulerTest, SeatsAreSharedEquallyBetweenOwners) {
  Scheduler scheduler({.seats = 4, .memory = 100_MiB, .queue_length = 100});
  for (int i = 0; i < 8; ++i) join(scheduler, "x" + std::to_string(i), {.owner = "x"});
  for (int i = 0; i < 4; ++i) join(scheduler, "y" + std::to_string(i), {.owner = "y"});
  end("x0");
  end("x1");
  EXPECT_EQ(Names(order_.begin() + 4, order_.end()), (Names{"y0", "y1"}));
}

TEST_F(SchedulerTest, PrioritiesCountWithinAnOwnerOnly) {
  Scheduler scheduler(kOneSeat);
  join(scheduler, "running", {.owner = "z"});
  join(scheduler, "x-low", {.owner = "x", .priority = -1});
  join(scheduler, "y", {.owner = "y", .priority = 0});
  join(scheduler, "x-high", {.owner = "x", .priority = 9});
  join(scheduler, "x-high-too", {.owner = "x", .priority = 9});
  drain();
  EXPECT_EQ(order_, (Names{"running", "x-high", "y", "x-high-too", "x-low"}));
}

TEST_F(SchedulerTest, MemoryAdmitsAndALargeJobIsNotStarved) {
  Scheduler scheduler({.seats = 10, .memory = 100_MiB, .queue_length = 100});
  join(scheduler, "small", {.owner = "s", .memory = 10_MiB});
  join(scheduler, "large", {.owner = "l", .memory = 95_MiB});
  EXPECT_EQ(order_, Names{"small"});
  // Small ones keep coming and going; the large one has its turn all the same.
  for (int i = 0; i < 60; ++i) {
    const std::string name = "small" + std::to_string(i);
    join(scheduler, name, {.owner = "s", .memory = 10_MiB});
    if (order_.size() > 1) end(order_[order_.size() - 2]);
    if (seats_.contains("large")) break;
  }
  drain();
  ASSERT_TRUE(std::ranges::count(order_, "large") == 1);
  EXPECT_LT(std::ranges::find(order_, "large") - order_.begin(), 30);
}

TEST_F(SchedulerTest, MoreMemoryThanThereIsIsRefusedAtOnce) {
  Scheduler scheduler(kOneSeat);
  const auto refused = scheduler.join({.memory = 101_MiB}, [](Seat) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, base::Fault::invalid);
  EXPECT_NE(refused.error().what.find("101MiB"), std::string::npos);
}

TEST_F(SchedulerTest, TheQueueIsBoundedInLengthAndBytes) {
  Scheduler scheduler({.seats = 1, .memory = 1_MiB, .queue_length = 2, .queue_bytes = 10_MiB});
  join(scheduler, "running", {.bytes = (64_MiB).bytes()});  // it does not wait
  join(scheduler, "waiting", {.bytes = (6_MiB).bytes()});
  auto refused = scheduler.join({.bytes = (5_MiB).bytes()}, [](Seat) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, base::Fault::exhausted);
  join(scheduler, "waiting too", {});
  EXPECT_FALSE(scheduler.join({}, [](Seat) {}));
  // A place that is left is free at once.
  places_.erase("waiting");
  join(scheduler, "another", {.bytes = (9_MiB).bytes()});
  EXPECT_EQ(scheduler.figures().waiting, 2U);
}

TEST_F(SchedulerTest, WhoLeavesIsNeverSeated) {
  Scheduler scheduler(kOneSeat);
  for (const char* name : {"a", "b", "c"}) join(scheduler, name, {});
  places_.erase("b");
  drain();
  EXPECT_EQ(order_, (Names{"a", "c"}));
}

TEST_F(SchedulerTest, AnOwnersQuotaHoldsAndKeepsNobodyElse) {
  Scheduler scheduler({.seats = 3, .memory = 100_MiB, .queue_length = 100});
  for (const char* name : {"a", "b"}) join(scheduler, name, {.owner = "x", .most_at_once = 1});
  join(scheduler, "c", {.owner = "y"});
  EXPECT_EQ(order_, (Names{"a", "c"}));
  EXPECT_FALSE(scheduler.take_spare({.owner = "y"}));  // somebody waits
  end("a");
  EXPECT_EQ(order_.back(), "b");
  EXPECT_FALSE(scheduler.take_spare({.owner = "x", .most_at_once = 1}));
  EXPECT_TRUE(scheduler.take_spare({.owner = "y"}));
}

TEST_F(SchedulerTest, PlacesAreToldAndTheForecastGrows) {
  Scheduler scheduler(kOneSeat);
  join(scheduler, "running", {.owner = "x"});
  std::vector<std::size_t> told;
  join(scheduler, "before", {.owner = "x"});
  auto mine = scheduler.join(
      {.owner = "x"}, [](Seat) {}, [&](std::size_t ahead) { told.push_back(ahead); });
  ASSERT_TRUE(mine);
  EXPECT_EQ(told, std::vector<std::size_t>{1});
  end("running");
  EXPECT_EQ(told, (std::vector<std::size_t>{1, 0}));
  const auto short_queue = scheduler.figures().forecast;
  for (int i = 0; i < 20; ++i) join(scheduler, std::to_string(i), {.owner = "y"});
  EXPECT_GE(scheduler.figures().forecast, short_queue);
}

TEST_F(SchedulerTest, ASeatMayBeGivenBackFromTheCallbackItself) {
  Scheduler scheduler(kOneSeat);
  join(scheduler, "running", {});
  int seated = 0;
  std::vector<Place> places;
  for (int i = 0; i < 1000; ++i) {
    auto admission = scheduler.join({}, [&](Seat) { ++seated; });
    if (!admission) break;
    places.push_back(std::move(admission->place));
  }
  seats_.clear();
  EXPECT_EQ(seated, 75);
}

TEST_F(SchedulerTest, AQuarterOfTheQueueIsForOthers) {
  Scheduler scheduler(kOneSeat);
  join(scheduler, "running", {.owner = "x"});
  for (int i = 0; i < 75; ++i) join(scheduler, std::to_string(i), {.owner = "x"});
  EXPECT_FALSE(scheduler.join({.owner = "x"}, [](Seat) {}));
  join(scheduler, "another's", {.owner = "y"});
  EXPECT_EQ(scheduler.figures().waiting, 76U);
}

TEST_F(SchedulerTest, AQuarterOfTheQueuesBytesIsForOthers) {
  Scheduler scheduler({.seats = 1,
                       .memory = ByteSize::of_bytes(1000),
                       .queue_length = 100,
                       .queue_bytes = ByteSize::of_bytes(100)});
  join(scheduler, "running", {.owner = "x"});
  join(scheduler, "large", {.owner = "x", .bytes = 80});  // alone it may be larger than that
  EXPECT_FALSE(scheduler.join({.owner = "x", .bytes = 1}, [](Seat) {}));
  join(scheduler, "another's", {.owner = "y", .bytes = 20});
  EXPECT_EQ(scheduler.figures().waiting_bytes, 100U);
  end("running");
  end("another's");  // it was its turn
  EXPECT_EQ(scheduler.figures().waiting_bytes, 0U);
  join(scheduler, "again", {.owner = "x", .bytes = 75});
  EXPECT_FALSE(scheduler.join({.owner = "x", .bytes = 1}, [](Seat) {}));
}

}  // namespace
}  // namespace retort::job
