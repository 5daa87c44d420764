// Many: a thousand jobs one after the other and two hundred at one time; every answer right,
// nothing kept, and no job waits for what another left.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "kernel/files.h"
#include "kernel/process.h"
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

// The kernel holds a group for a moment after its last process is dead. Here for as long as a
// process from outside the cell is in it.
TEST_F(ManyTest, NoJobWaitsForAGroupThatTheKernelHoldsAndTheKeeperRemovesItLater) {
  const auto guest = kernel::fork_child(0);
  ASSERT_TRUE(guest);
  if (guest->pid == 0) {
    for (;;) ::pause();
  }
  Words held;
  const auto results = run_many({{.args = {"sleep", "30000"}}}, [&] {
    if (std::ranges::count(cell_processes(), "probe", &HostProcess::command) == 0) return false;
    held = cell_groups();
    for (const std::string& group : held) {
      EXPECT_TRUE(
          kernel::write_kernel_file(AT_FDCWD, group + "/cgroup.procs", std::to_string(guest->pid)));
    }
    return true;
  });
  EXPECT_EQ(outcome_of(results.front()), "cancelled");
  EXPECT_FALSE(held.empty());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(outcome_of(run_probe({"exit", "0"})), "ok");
  EXPECT_TRUE(comes_true([&] { return cell_groups() == held; })) << "only these cannot go";

  EXPECT_TRUE(kernel::send_signal(guest->pidfd, SIGKILL));
  EXPECT_TRUE(kernel::reap(guest->pidfd));
  EXPECT_TRUE(comes_true([&] { return cell_groups().empty(); }));
}

}  // namespace
}  // namespace retort::test
