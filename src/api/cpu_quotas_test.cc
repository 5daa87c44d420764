// CPU quotas: what is admitted at one time and what was used within an hour never exceed the quota.
#include "api/cpu_quotas.h"

#include <vector>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

using base::Duration;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

class CpuQuotasTest : public testing::Test {
 protected:
  std::expected<CpuQuotas::Charge, Problem> admit(Duration ceiling,
                                                  const std::string& turn = "key one") {
    return quotas_->admit(turn, 100s, ceiling);
  }
  ProblemCode refusal(Duration ceiling) {
    const auto charge = admit(ceiling);
    EXPECT_FALSE(charge);
    return charge ? ProblemCode::internal_error : charge.error().code;
  }

  Duration now_ = 10h;
  std::optional<CpuQuotas> quotas_{[this] { return now_; }};
};

TEST_F(CpuQuotasTest, JobsAtOneTimeHaveTheSumOfTheirCeilings) {
  std::vector<CpuQuotas::Charge> charges;
  for (int job = 0; job < 10; ++job) {
    auto charge = admit(10s);
    ASSERT_TRUE(charge) << job;
    charges.push_back(*std::move(charge));
  }
  EXPECT_EQ(refusal(1us), ProblemCode::rate_limited);
  EXPECT_TRUE(admit(100s, "key two")) << "each has a quota of its own";
  charges.pop_back();
  EXPECT_TRUE(admit(10s)) << "what did not run is free again";
}

TEST_F(CpuQuotasTest, AJobIsSettledToWhatItUsedAndNoLess) {
  {
    auto charge = admit(100s);
    ASSERT_TRUE(charge);
    charge->use(30s);
    charge->use(10s);
    EXPECT_EQ(refusal(1us), ProblemCode::rate_limited) << "the rest is set aside while it runs";
  }
  EXPECT_EQ(refusal(61s), ProblemCode::rate_limited);
  EXPECT_TRUE(admit(60s));
}

TEST_F(CpuQuotasTest, WhatWasUsedBeyondACeilingCounts) {
  {
    auto charge = admit(10s);
    ASSERT_TRUE(charge);
    charge->use(25s);
  }
  EXPECT_EQ(refusal(76s), ProblemCode::rate_limited);
  EXPECT_TRUE(admit(75s));
}

TEST_F(CpuQuotasTest, WhatNobodyKnowsCountsAsAllThatMayHaveBeenUsed) {
  {
    auto charge = admit(90s);
    ASSERT_TRUE(charge);
    charge->use(5s);
    charge->use_all();
  }
  EXPECT_EQ(refusal(11s), ProblemCode::rate_limited);
  EXPECT_TRUE(admit(10s));
}

TEST_F(CpuQuotasTest, MoreThanTheQuotaIsRefusedWithTheBound) {
  const auto charge = admit(101s);
  ASSERT_FALSE(charge);
  EXPECT_EQ(charge.error().code, ProblemCode::limit_out_of_bounds);
  EXPECT_EQ(charge.error().extra.at("largest_us").to_number<std::int64_t>(), 100'000'000);
  EXPECT_FALSE(charge.error().retry_after_s) << "waiting does not help";
}

TEST_F(CpuQuotasTest, PartsOfABatchAreNoMoreThanTheWhole) {
  auto batch = admit(90s);
  ASSERT_TRUE(batch);
  {
    auto first = batch->split(60s);
    EXPECT_EQ(refusal(11s), ProblemCode::rate_limited);
    first.use(20s);
  }
  EXPECT_EQ(refusal(51s), ProblemCode::rate_limited) << "30 s are the rest of the batch's";
  EXPECT_TRUE(admit(50s));
}

TEST_F(CpuQuotasTest, NothingIsForgottenBeforeAnHourAndAllOfItSoonAfter) {
  {
    auto charge = admit(100s);
    ASSERT_TRUE(charge);
    charge->use(100s);
  }
  now_ += 59min;
  const auto refused = admit(1s);
  ASSERT_FALSE(refused);
  ASSERT_TRUE(refused.error().retry_after_s);
  now_ += std::chrono::seconds(*refused.error().retry_after_s);
  EXPECT_TRUE(admit(100s)) << "Retry-After tells the truth";
}

TEST_F(CpuQuotasTest, WithoutAQuotaAJobIsChargedAllTheSame) {
  {
    auto charge = quotas_->admit("key one", std::nullopt, Duration::max());
    ASSERT_TRUE(charge);
    charge->use(70s);
    auto other = quotas_->admit("key one", std::nullopt, 10s);
    ASSERT_TRUE(other);
  }
  EXPECT_EQ(refusal(31s), ProblemCode::rate_limited);
  EXPECT_TRUE(admit(30s));
}

TEST_F(CpuQuotasTest, AChargeMayOutliveTheQuotas) {
  auto charge = admit(10s);
  ASSERT_TRUE(charge);
  quotas_.reset();
  charge->use(1s);
}

}  // namespace
}  // namespace retort::api
