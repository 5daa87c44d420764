// Quarantine: a group that is busy for a while, or for ever, and those beside it.
#include "keeper/quarantine.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace retort::keeper {
namespace {

using base::Duration;
using base::Error;
using base::Fault;
using base::monotonic_now;
using base::Status;

// What became of a FakeGroup, for it dies in the quarantine.
struct Story {
  std::vector<Duration> asked;
  bool destroyed = false;
};

// Says that it is busy when it is asked for the first `refusals` times.
class FakeGroup final : public kernel::Group {
 public:
  FakeGroup(Story& story, std::size_t refusals) : story_(story), refusals_(refusals) {}
  ~FakeGroup() override { story_.destroyed = true; }

  Status remove() override {
    story_.asked.push_back(monotonic_now());
    if (story_.asked.size() > refusals_) return {};
    return Error{Fault::busy, "rmdir: the kernel holds it", EBUSY};
  }

  [[nodiscard]] int birth_directory() const override { return -1; }
  Status enter() override { return {}; }
  void restart_peaks() override {}
  [[nodiscard]] base::Result<kernel::GroupUsage> usage() const override { return {}; }
  [[nodiscard]] base::Result<Duration> cpu_time() const override { return Duration(0); }
  [[nodiscard]] int memory_event() const override { return -1; }

 private:
  Story& story_;
  std::size_t refusals_;
};

class QuarantineTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = kernel::EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = *std::move(loop);
    auto quarantine = Quarantine::create(*loop_);
    ASSERT_TRUE(quarantine);
    quarantine_ = *std::move(quarantine);
  }

  void hold(Story& story, std::size_t refusals, std::function<void()> gone) {
    quarantine_->hold(std::make_unique<FakeGroup>(story, refusals), std::move(gone));
  }

  std::unique_ptr<kernel::EventLoop> loop_;
  std::unique_ptr<Quarantine> quarantine_;
};

TEST_F(QuarantineTest, AsksUntilTheGroupIsGoneAndSaysSoOnce) {
  Story story;
  int gone = 0;
  hold(story, 4, [&] {
    ++gone;
    EXPECT_TRUE(story.destroyed);
    EXPECT_EQ(quarantine_->size(), 0U);
    loop_->stop();
  });
  EXPECT_EQ(quarantine_->size(), 1U);
  EXPECT_TRUE(story.asked.empty()) << "holding must not wait";
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(story.asked.size(), 5U);
}

TEST_F(QuarantineTest, WaitsTwiceAsLongEachTime) {
  Story story;
  const Duration begin = monotonic_now();
  hold(story, 6, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  Duration before = begin;
  Duration wait{1'000};
  for (const Duration asked : story.asked) {
    EXPECT_GE(asked - before, wait);
    before = asked;
    wait *= 2;
  }
}

TEST_F(QuarantineTest, AGroupThatStaysKeepsNoOtherFromGoing) {
  Story stays;
  Story goes;
  bool freed_wrongly = false;
  hold(stays, SIZE_MAX, [&] { freed_wrongly = true; });
  hold(goes, 2, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_TRUE(goes.destroyed);
  EXPECT_FALSE(stays.destroyed);
  EXPECT_EQ(quarantine_->size(), 1U);

  // One that comes later is not asked as rarely as the one that has been there for long.
  Story later;
  hold(later, 0, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_TRUE(later.destroyed);

  quarantine_.reset();
  EXPECT_TRUE(stays.destroyed);
  EXPECT_FALSE(freed_wrongly);
}

TEST_F(QuarantineTest, MoreMayComeWhileOneGoes) {
  Story first;
  Story second;
  hold(first, 1, [&] { hold(second, 1, [&] { loop_->stop(); }); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(second.asked.size(), 2U);
  EXPECT_EQ(quarantine_->size(), 0U);
}

}  // namespace
}  // namespace retort::keeper
