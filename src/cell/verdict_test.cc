// Verdict: each rule, and the order of the rules.
#include "cell/verdict.h"

#include <csignal>

#include <gtest/gtest.h>

namespace retort::cell {
namespace {

constexpr bool kOutputOver = true;
constexpr bool kOutputWithin = false;

Facts exited(int code) {
  return {.end = End::exited, .code = code};
}
Facts signaled(int signal) {
  return {.end = End::signaled, .code = signal};
}
Facts killed(Cause cause) {
  return {.end = End::killed, .cause = cause};
}

std::uint64_t over(Duration limit) {
  return static_cast<std::uint64_t>(limit.count()) + 1;
}

TEST(Judge, LeavesACleanExitAlone) {
  const Verdict verdict = judge(exited(0), Limits{}, kOutputWithin);
  EXPECT_EQ(verdict.outcome, Outcome::ok);
  EXPECT_EQ(verdict.exit_code, 0);
  EXPECT_FALSE(verdict.signal);
  EXPECT_TRUE(verdict.limits_hit.empty());
  EXPECT_TRUE(verdict.message.empty());
}

TEST(Judge, TellsExitCodesThatLookLikeOursFromOurKills) {
  for (const int code : {1, 124, 125, 137, 255}) {
    const Verdict verdict = judge(exited(code), Limits{}, kOutputWithin);
    EXPECT_EQ(verdict.outcome, Outcome::nonzero_exit);
    EXPECT_EQ(verdict.exit_code, code);
  }
  EXPECT_EQ(judge(signaled(SIGKILL), Limits{}, kOutputWithin).outcome, Outcome::signaled);
}

TEST(Judge, CallsACancelledSetUpCancelled) {
  const Facts facts{
      .end = End::setup_failed, .cause = Cause::cancelled, .step = Step::receive_spec};
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::cancelled);
}

TEST(Judge, GoesByTheFigureAndNotByWhoWasFirst) {
  const Limits limits;
  Facts facts = exited(0);
  facts.cpu_us = over(limits.cpu_time);
  const Verdict verdict = judge(facts, limits, kOutputWithin);
  EXPECT_EQ(verdict.outcome, Outcome::cpu_time_limit) << "it ended by itself within extra_time";
  EXPECT_EQ(verdict.exit_code, 0);
  facts.cpu_us = static_cast<std::uint64_t>(limits.cpu_time.count());
  EXPECT_EQ(judge(facts, limits, kOutputWithin).outcome, Outcome::ok)
      << "exactly the limit is within it";
}

TEST(Judge, TellsCpuTimeFromWallTime) {
  const Limits limits;
  Facts facts = killed(Cause::wall_time);
  facts.wall_us = over(limits.wall_time);
  EXPECT_EQ(judge(facts, limits, kOutputWithin).outcome, Outcome::wall_time_limit);
  facts.cpu_us = over(limits.cpu_time);
  const Verdict both = judge(facts, limits, kOutputWithin);
  EXPECT_EQ(both.outcome, Outcome::cpu_time_limit);
  EXPECT_EQ(both.limits_hit, (std::vector{Limit::cpu_time, Limit::wall_time}));
}

TEST(Judge, TellsAFloodThatWasEndedFromACancelledJob) {
  const Verdict flood = judge(killed(Cause::output), Limits{}, kOutputOver);
  EXPECT_EQ(flood.outcome, Outcome::output_limit);
  EXPECT_EQ(flood.signal, SIGKILL);
  EXPECT_EQ(judge(killed(Cause::cancelled), Limits{}, kOutputOver).outcome, Outcome::cancelled);
}

TEST(Judge, TakesAMemoryKillOfAnyProcessForTheWholeJob) {
  Facts facts = exited(0);
  facts.memory_kills = 1;
  const Verdict verdict = judge(facts, Limits{}, kOutputWithin);
  EXPECT_EQ(verdict.outcome, Outcome::memory_limit);
  EXPECT_EQ(judge(killed(Cause::memory), Limits{}, kOutputWithin).outcome, Outcome::memory_limit);
}

TEST(Judge, PrefersOutputToTimeForAFlood) {
  const Limits limits;
  Facts facts = killed(Cause::cpu_time);
  facts.cpu_us = over(limits.cpu_time);
  const Verdict verdict = judge(facts, limits, kOutputOver);
  EXPECT_EQ(verdict.outcome, Outcome::output_limit);
  EXPECT_EQ(verdict.limits_hit, (std::vector{Limit::cpu_time, Limit::output}));
}

TEST(Judge, BlamesRefusedForksOnlyForABadEnd) {
  Facts facts = exited(0);
  facts.processes_denied = 3;
  const Verdict survived = judge(facts, Limits{}, kOutputWithin);
  EXPECT_EQ(survived.outcome, Outcome::ok);
  EXPECT_EQ(survived.limits_hit, std::vector{Limit::processes});
  facts.code = 1;
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::process_limit);
}

TEST(Judge, KnowsTheDiskAndTheFileSize) {
  Facts full = exited(1);
  full.disk_full = true;
  EXPECT_EQ(judge(full, Limits{}, kOutputWithin).outcome, Outcome::disk_limit);
  full.code = 0;
  EXPECT_EQ(judge(full, Limits{}, kOutputWithin).outcome, Outcome::ok);
  EXPECT_EQ(judge(full, Limits{}, kOutputWithin).limits_hit, std::vector{Limit::disk});
  const Verdict large = judge(signaled(SIGXFSZ), Limits{}, kOutputWithin);
  EXPECT_EQ(large.outcome, Outcome::disk_limit);
  EXPECT_EQ(large.limits_hit, std::vector{Limit::file_size});
  Facts reached = exited(0);
  reached.file_size_reached = true;
  EXPECT_EQ(judge(reached, Limits{}, kOutputWithin).outcome, Outcome::ok)
      << "it ignored the signal and went on";
  EXPECT_EQ(judge(reached, Limits{}, kOutputWithin).limits_hit, std::vector{Limit::file_size});
  reached.code = 1;
  EXPECT_EQ(judge(reached, Limits{}, kOutputWithin).outcome, Outcome::disk_limit);
}

TEST(Judge, NamesTheStepThatFailed) {
  const Facts facts{.end = End::setup_failed, .step = Step::usr, .error_number = EINVAL};
  const Verdict verdict = judge(facts, Limits{}, kOutputWithin);
  EXPECT_EQ(verdict.outcome, Outcome::internal_error);
  EXPECT_NE(verdict.message.find("mount the image's /usr"), std::string::npos) << verdict.message;
}

TEST(Judge, HasAWordForAnyErrorNumber) {
  for (const End end : {End::setup_failed, End::start_failed}) {
    Facts facts{.end = end, .step = Step::execute, .error_number = -77};
    EXPECT_NE(judge(facts, Limits{}, kOutputWithin).message.find("errno -77"), std::string::npos);
  }
}

TEST(Judge, CallsFilesThatDoNotFitADiskLimit) {
  const Facts facts{.end = End::setup_failed, .step = Step::files, .error_number = ENOSPC};
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::disk_limit);
}

TEST(Judge, CallsFilesThatDoNotFitIntoTheMemoryAMemoryLimit) {
  Facts facts{.end = End::setup_failed, .cause = Cause::memory, .step = Step::files};
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::memory_limit);
  facts = {.end = End::setup_failed, .step = Step::none};
  facts.memory_kills = 1;
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::memory_limit);
}

TEST(Judge, CannotBeMadeAnInternalErrorByALostInitThatMemoryKilled) {
  Facts facts = killed(Cause::memory);
  facts.memory_kills = 2;
  EXPECT_EQ(judge(facts, Limits{}, kOutputWithin).outcome, Outcome::memory_limit);
  EXPECT_EQ(judge(killed(Cause::lost), Limits{}, kOutputWithin).outcome, Outcome::internal_error);
}

TEST(OutcomeNames, AreReadBack) {
  for (int i = 0; i <= static_cast<int>(Outcome::internal_error); ++i) {
    const auto outcome = static_cast<Outcome>(i);
    EXPECT_EQ(find_outcome(outcome_name(outcome)), outcome);
  }
  EXPECT_FALSE(find_outcome("fine"));
}

}  // namespace
}  // namespace retort::cell
