// Many: a thousand jobs one after the other and two hundred at one time; every answer right,
// nothing kept.
#include <unistd.h>

#include <string>

#include "support/cell_test.h"

namespace retort::test {
namespace {

class ManyTest : public CellTest {};

std::string nonce(unsigned number) {
  return "answer " + std::to_string(number * 2'654'435'761U) + "\n";
}

TEST_F(ManyTest, AThousandJobsOneAfterTheOtherLeaveNothing) {
  const std::size_t descriptors = count_descriptors(::getpid());
  for (unsigned i = 0; i < 1'000; ++i) {
    const auto result = run_probe({.args = {"echo"}, .streams = {.stdin_text = nonce(i)}});
    ASSERT_EQ(outcome_of(result), "ok") << i << ": " << result.verdict.message;
    ASSERT_EQ(result.stdout_text.bytes, nonce(i)) << i;
  }
  EXPECT_EQ(count_descriptors(::getpid()), descriptors);
}

TEST_F(ManyTest, TwoHundredJobsAtOneTimeDoNotMixTheirAnswers) {
  const std::size_t descriptors = count_descriptors(::getpid());
  std::vector<ProbeCall> calls;
  calls.reserve(200);
  for (unsigned i = 0; i < 200; ++i)
    calls.push_back({.args = {"echo"}, .streams = {.stdin_text = nonce(i)}});
  const auto results = run_many(calls);
  for (unsigned i = 0; i < results.size(); ++i) {
    EXPECT_EQ(outcome_of(results.at(i)), "ok") << i << ": " << results.at(i).verdict.message;
    EXPECT_EQ(results.at(i).stdout_text.bytes, nonce(i)) << i;
  }
  EXPECT_EQ(count_descriptors(::getpid()), descriptors);
}

// They wait until all of them are there, so that the two hundred are truly at one time.
TEST_F(ManyTest, TwoHundredCellsStandAtOneTime) {
  constexpr std::size_t kCells = 200;
  std::size_t most = 0;
  const auto results = run_many(std::vector<ProbeCall>(kCells, {.args = {"sleep", "30000"}}), [&] {
    std::size_t probes = 0;
    for (const HostProcess& process : cell_processes())
      probes += process.command == "probe" ? 1 : 0;
    most = std::max(most, probes);
    return probes == kCells;
  });
  EXPECT_EQ(most, kCells);
  for (const auto& result : results) EXPECT_EQ(outcome_of(result), "cancelled");
}

}  // namespace
}  // namespace retort::test
