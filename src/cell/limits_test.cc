// Limits: bounds are kept, nothing is clamped, and 0 is never "unlimited".
#include "cell/limits.h"

#include <gtest/gtest.h>

namespace retort::cell {
namespace {

TEST(LimitInfos, AreInTheOrderOfTheEnumeration) {
  for (std::size_t i = 0; i < kLimitCount; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(limit_infos().at(i).limit), i);
    EXPECT_EQ(find_limit(limit_infos().at(i).name), limit_infos().at(i).limit);
  }
}

TEST(Defaults, AreWithinTheBounds) {
  EXPECT_TRUE(validate(Limits{}));
  EXPECT_TRUE(validate(compile_defaults()));
}

TEST(SetLimit, TakesEachBoundAndRefusesWhatIsOutside) {
  for (const LimitInfo& info : limit_infos()) {
    Limits limits;
    EXPECT_TRUE(set_limit(limits, info.name, info.smallest)) << info.name;
    EXPECT_TRUE(set_limit(limits, info.name, info.largest)) << info.name;
    if (info.limit == Limit::network) continue;
    const auto over = set_limit(limits, info.name, "9" + std::string(info.largest));
    ASSERT_FALSE(over) << info.name;
    EXPECT_NE(over.error().what.find(info.name), std::string::npos);
    EXPECT_NE(over.error().what.find(info.largest), std::string::npos)
        << "the bound is named: " << over.error().what;
    EXPECT_EQ(limit_text(limits, info.limit), info.largest) << "a refused value changes nothing";
  }
}

TEST(SetLimit, NeverTakesZeroAsUnlimited) {
  for (const char* name : {"cpu_time", "wall_time"}) {
    Limits limits;
    EXPECT_FALSE(set_limit(limits, name, "0s")) << name;
  }
  for (const char* name : {"memory", "stack", "disk"}) {
    Limits limits;
    EXPECT_FALSE(set_limit(limits, name, "0B")) << name;
  }
  for (const char* name : {"processes", "open_files", "disk_inodes"}) {
    Limits limits;
    EXPECT_FALSE(set_limit(limits, name, "0")) << name;
  }
  Limits limits;
  ASSERT_TRUE(set_limit(limits, "output", "0B"));
  EXPECT_EQ(limits.output.bytes(), 0U) << "a real zero: no output at all";
}

TEST(SetLimit, NamesTheLimitsWhenThereIsNoSuchOne) {
  Limits limits;
  const auto unknown = set_limit(limits, "ram", "1MiB");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().what.find("memory"), std::string::npos);
}

TEST(EffectiveStack, IsTheMemoryUnlessGiven) {
  Limits limits;
  limits.memory = 100_MiB;
  EXPECT_EQ(limits.effective_stack(), 100_MiB);
  limits.stack = 8_MiB;
  EXPECT_EQ(limits.effective_stack(), 8_MiB);
}

}  // namespace
}  // namespace retort::cell
