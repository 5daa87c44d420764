// CellTest: a fixture that runs the probe in cells of a keeper of its own, and then looks for what
// is left of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cell/limits.h"
#include "job/job.h"
#include "job/stage.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "runtime/manifest.h"

namespace retort::test {

using Words = std::vector<std::string>;

// A sanitizer keeps what was freed for a while: slack for whoever measures memory.
#if __has_feature(address_sanitizer)
constexpr std::uint64_t kFreedMemory = 512U << 20U;
#else
constexpr std::uint64_t kFreedMemory = 0;
#endif

// Enough for everything that a test does not want to hit.
cell::Limits roomy_limits();

// One run of the probe.
struct ProbeCall {
  Words args;
  cell::Limits limits = roomy_limits();
  job::StageStreams streams = {};
  bool collect = false;                     // everything in /box that can be had
  std::vector<job::SourceFile> files = {};  // beside the probe
};

// A process as the host sees it.
struct HostProcess {
  pid_t pid = 0;
  pid_t parent = 0;
  unsigned uid = 0;
  std::string state;    // "R", "S", "Z"
  std::string command;  // as the kernel has it: at most 15 bytes
};
std::vector<HostProcess> host_processes();

// Bytes of memory that process `pid` has resident.
std::uint64_t resident_bytes(pid_t pid);
std::size_t count_descriptors(pid_t pid);

// What `write-stdout` and its like write from `begin` to `end`.
std::string counted_bytes(std::uint64_t begin, std::uint64_t end);

// Whether the condition becomes true within a bounded time.
bool comes_true(const std::function<bool()>& condition);

// The lines of a text, without the line ends.
Words lines_of(const std::string& text);

class CellTest : public testing::Test {
 protected:
  // Skips, with the reason, where these tests cannot run; with RETORT_REQUIRE=all that is a
  // failure.
  void SetUp() override;
  // Fails when anything of the cells or of the keeper is left.
  void TearDown() override;

  // Runs the probe to its end. When no job takes place the test fails, and the outcome is
  // internal_error.
  job::StageResult run_probe(Words args, const cell::Limits& limits = roomy_limits());
  job::StageResult run_probe(ProbeCall call);

  // Asked every few milliseconds while the jobs run; they are cancelled when it returns true.
  using Watcher = std::function<bool()>;
  // The same for many at one time; results in the order of the calls.
  std::vector<job::StageResult> run_many(const std::vector<ProbeCall>& calls,
                                         const Watcher& watcher = {});

  kernel::EventLoop& loop() { return *loop_; }
  keeper::Client& keeper() { return *keeper_; }
  [[nodiscard]] const std::string& probe_program() const { return probe_; }
  // Processes of this keeper's cells.
  std::vector<HostProcess> cell_processes();
  // Control groups of this keeper's cells: one in each hierarchy that it uses.
  Words cell_groups();

 private:
  job::Submission submission_for(const ProbeCall& call) const;
  void expect_nothing_left_by_cells();

  std::unique_ptr<kernel::EventLoop> loop_;
  std::unique_ptr<keeper::Client> keeper_;
  std::string probe_;
  runtime::Manifest manifest_;
  std::size_t descriptors_before_ = 0;
  std::uint64_t resident_before_ = 0;
};

// The same for tests with parameters.
template <typename Parameter>
class CellTestWith : public CellTest, public testing::WithParamInterface<Parameter> {};

// ---- What results are compared by. ----

// "ok", "memory_limit": reads better in a failure than a number.
std::string outcome_of(const job::StageResult& result);
// The names of `limits_hit`, in their order.
Words limits_hit_of(const job::StageResult& result);

}  // namespace retort::test
