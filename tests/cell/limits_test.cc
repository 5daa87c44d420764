// Limits: for each, a program just under it and one just over, whoever of the program's processes
// does the work.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "support/cell_test.h"

namespace retort::test {
namespace {

using base::ByteSize;
using base::Duration;
using base::operator""_B;
using base::operator""_KiB;
using base::operator""_MiB;
using cell::Limits;
using cell::Network;
using job::StageResult;
using std::chrono::milliseconds;

std::uint64_t micros(Duration duration) {
  return static_cast<std::uint64_t>(duration.count());
}

std::string percent_of(ByteSize size, std::uint64_t percent) {
  return std::to_string(size.bytes() / 100 * percent);
}

void expect_ok(const StageResult& result) {
  EXPECT_EQ(outcome_of(result), "ok") << result.verdict.message << "\n" << result.stderr_text.bytes;
  EXPECT_EQ(limits_hit_of(result), Words{});
  EXPECT_EQ(result.verdict.exit_code, 0);
}

// Ended by us: no exit code, SIGKILL, and this limit alone.
void expect_killed(const StageResult& result,
                   const std::string& outcome,
                   const std::string& limit) {
  EXPECT_EQ(outcome_of(result), outcome) << result.verdict.message << "\n"
                                         << result.stderr_text.bytes;
  EXPECT_EQ(limits_hit_of(result), Words{limit});
  EXPECT_EQ(result.verdict.signal, SIGKILL);
  EXPECT_EQ(result.verdict.exit_code, std::nullopt);
}

// ---- Limits on the whole tree: every shape of program meets them alike. ----

using EveryShape = CellTestWith<const char*>;

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    EveryShape,
    testing::Values("direct", "child", "grandchild", "children:4", "threads:4"),
    [](const auto& info) {
      const std::string shape = info.param;
      return shape.substr(0, shape.find(':'));
    });

Limits cpu_limits() {
  Limits limits = roomy_limits();
  limits.cpu_time = milliseconds(400);
  limits.extra_time = milliseconds(400);
  return limits;
}

TEST_P(EveryShape, UsesCpuTimeUnderTheLimit) {
  const auto result = run_probe({"spin", "200", GetParam()}, cpu_limits());
  expect_ok(result);
  EXPECT_GE(result.facts.cpu_us, 190'000U);
  EXPECT_LT(result.facts.cpu_us, micros(cpu_limits().cpu_time));
}

TEST_P(EveryShape, IsKilledWhenItsCpuTimeIsOverTheLimitAndTheGrace) {
  const Limits limits = cpu_limits();
  const auto result = run_probe({"spin", "forever", GetParam()}, limits);
  expect_killed(result, "cpu_time_limit", "cpu_time");
  EXPECT_GE(result.facts.cpu_us, micros(limits.cpu_time + limits.extra_time));
  EXPECT_LT(result.facts.cpu_us, 2 * micros(limits.cpu_time + limits.extra_time));
}

TEST_P(EveryShape, IsOverTheCpuTimeLimitEvenWhenItEndsWithinTheGrace) {
  const auto result = run_probe({"spin", "500", GetParam()}, cpu_limits());
  EXPECT_EQ(outcome_of(result), "cpu_time_limit");
  EXPECT_EQ(limits_hit_of(result), Words{"cpu_time"});
  EXPECT_EQ(result.verdict.exit_code, 0);
  EXPECT_EQ(result.verdict.signal, std::nullopt);
  EXPECT_GE(result.facts.cpu_us, 490'000U);
}

TEST_P(EveryShape, SleepsUnderTheWallTimeLimit) {
  Limits limits = roomy_limits();
  limits.wall_time = milliseconds(5'000);
  const auto result = run_probe({"sleep", "200", GetParam()}, limits);
  expect_ok(result);
  EXPECT_GE(result.facts.wall_us, 200'000U);
}

TEST_P(EveryShape, IsKilledWhenItSleepsOverTheWallTimeLimitAndHasUsedNoCpuTime) {
  Limits limits = roomy_limits();
  limits.wall_time = milliseconds(800);
  const auto result = run_probe({"sleep", "60000", GetParam()}, limits);
  expect_killed(result, "wall_time_limit", "wall_time");
  EXPECT_GE(result.facts.wall_us, micros(limits.wall_time));
  EXPECT_LT(result.facts.wall_us, 5 * micros(limits.wall_time));
  EXPECT_LT(result.facts.cpu_us,
            result.facts.wall_us / 3);  // what starting costs on a slow machine
}

TEST_P(EveryShape, UsesNineTenthsOfItsMemory) {
  Limits limits = roomy_limits();
  limits.memory = 128_MiB;
  const auto result = run_probe({"alloc", percent_of(limits.memory, 90), GetParam()}, limits);
  expect_ok(result);
  EXPECT_GE(result.facts.memory_peak_bytes, limits.memory.bytes() / 100 * 90);
  EXPECT_LE(result.facts.memory_peak_bytes, limits.memory.bytes());
}

TEST_P(EveryShape, IsKilledWhenItUsesATenthMoreThanItsMemory) {
  Limits limits = roomy_limits();
  limits.memory = 128_MiB;
  const auto result = run_probe({"alloc", percent_of(limits.memory, 110), GetParam()}, limits);
  EXPECT_EQ(outcome_of(result), "memory_limit") << result.verdict.message;
  EXPECT_EQ(limits_hit_of(result), Words{"memory"});
  EXPECT_GE(result.facts.memory_peak_bytes, limits.memory.bytes() / 100 * 95);
  EXPECT_LE(result.facts.memory_peak_bytes, limits.memory.bytes());
}

// ---- CPU time. ----

using LimitsTest = CellTest;

TEST_F(LimitsTest, FourBusyChildrenSpendTheCpuTimeOfOneAsFastAsTheProcessorsAllow) {
  Limits limits = roomy_limits();
  limits.cpu_time = milliseconds(1'500);
  limits.extra_time = milliseconds(0);
  const auto result = run_probe({"spin", "forever", "children:4"}, limits);
  expect_killed(result, "cpu_time_limit", "cpu_time");
  const auto processors =
      static_cast<std::uint64_t>(std::clamp(::sysconf(_SC_NPROCESSORS_ONLN), 1L, 4L));
  EXPECT_GE(result.facts.wall_us * processors, result.facts.cpu_us / 100 * 95);
  // Others may want the processors as well.
  EXPECT_LT(result.facts.wall_us * processors, result.facts.cpu_us * 4);
}

TEST_F(LimitsTest, SetUpIsInNobodysCpuTime) {
  const auto least_cpu_with = [&](const std::vector<job::SourceFile>& files) {
    std::uint64_t least = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
      const auto result = run_probe({.args = {"exit", "0"}, .files = files});
      expect_ok(result);
      least = std::min(least, result.facts.cpu_us);
    }
    return least;
  };
  // Much to write into the cell before the program starts, or nothing but the program.
  const std::uint64_t large =
      least_cpu_with({{.name = "large", .content = std::string(96U << 20U, 'x')}});
  EXPECT_LT(large, 3 * least_cpu_with({}));
}

TEST_F(LimitsTest, AForkBombIsEndedAndIsNeverMoreThanItsProcesses) {
  Limits limits = roomy_limits();
  limits.processes = 32;
  limits.cpu_time = milliseconds(500);
  const auto result = run_probe({"forkbomb"}, limits);
  EXPECT_EQ(outcome_of(result), "cpu_time_limit") << result.verdict.message;
  EXPECT_EQ(limits_hit_of(result), (Words{"cpu_time", "processes"}));
  if (result.facts.has_processes_peak) EXPECT_EQ(result.facts.processes_peak, limits.processes);
}

// ---- Memory. ----

TEST_F(LimitsTest, MemoryIsTheVerdictWhenAChildIsKilledForItAndTheProgramLivesOn) {
  Limits limits = roomy_limits();
  limits.memory = 64_MiB;
  const auto result = run_probe({"oom-child", "0"}, limits);
  EXPECT_EQ(outcome_of(result), "memory_limit") << result.verdict.message;
  EXPECT_EQ(limits_hit_of(result), Words{"memory"});
}

TEST_F(LimitsTest, TheWholeProgramEndsWhenOneOfItsProcessesIsKilledForMemory) {
  Limits limits = roomy_limits();
  limits.memory = 64_MiB;
  const auto result = run_probe({"oom-child", "30000"}, limits);
  expect_killed(result, "memory_limit", "memory");
  EXPECT_LT(result.facts.wall_us, 15'000'000U);
}

TEST_F(LimitsTest, FilesThatAreWrittenCountAsMemory) {
  Limits limits = roomy_limits();
  limits.memory = 64_MiB;
  limits.disk = 256_MiB;
  const auto under = run_probe({"write-file", "/tmp/big", percent_of(limits.memory, 80)}, limits);
  expect_ok(under);
  EXPECT_GE(under.facts.memory_peak_bytes, limits.memory.bytes() / 100 * 80);
  const auto over = run_probe({"write-file", "/tmp/big", percent_of(limits.memory, 110)}, limits);
  EXPECT_EQ(outcome_of(over), "memory_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"memory"});
}

TEST_F(LimitsTest, StackReachesToItsLimitAndEndsInSegmentationFaultBeyondIt) {
  Limits limits = roomy_limits();
  limits.stack = 16_MiB;
  expect_ok(run_probe({"recurse", percent_of(*limits.stack, 90)}, limits));
  const auto over = run_probe({"recurse", percent_of(*limits.stack, 110)}, limits);
  EXPECT_EQ(outcome_of(over), "signaled");
  EXPECT_EQ(over.verdict.signal, SIGSEGV);
  EXPECT_EQ(limits_hit_of(over), Words{});
}

TEST_F(LimitsTest, StackIsAsLargeAsMemoryWhenNotGiven) {
  Limits limits = roomy_limits();
  limits.memory = 128_MiB;
  expect_ok(run_probe({"recurse", percent_of(limits.memory, 80)}, limits));
}

// ---- Processes, descriptors. ----

using EveryKindOfTask = CellTestWith<const char*>;

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryKindOfTask,
                         testing::Values("processes", "threads"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EveryKindOfTask, AreExactlyAsManyAsTheLimitAtOneTime) {
  Limits limits = roomy_limits();
  limits.processes = 20;
  const auto at_limit = run_probe({GetParam(), "20"}, limits);
  expect_ok(at_limit);
  EXPECT_EQ(at_limit.stdout_text.bytes, "20\n");
  if (at_limit.facts.has_processes_peak) EXPECT_EQ(at_limit.facts.processes_peak, 20U);

  const auto over = run_probe({GetParam(), "21"}, limits);
  EXPECT_EQ(over.stdout_text.bytes, "20\n");
  EXPECT_EQ(outcome_of(over), "process_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"processes"});
  EXPECT_EQ(over.verdict.exit_code, 1);
}

TEST_P(EveryKindOfTask, AreOnlyNotedWhenTheProgramIsContentWithFewer) {
  Limits limits = roomy_limits();
  limits.processes = 20;
  const auto result = run_probe({GetParam(), "40", "content"}, limits);
  EXPECT_EQ(result.stdout_text.bytes, "20\n");
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(limits_hit_of(result), Words{"processes"});
}

TEST_F(LimitsTest, OneProcessIsEnoughForAProgramThatMakesNone) {
  Limits limits = roomy_limits();
  limits.processes = 1;
  expect_ok(run_probe({"processes", "1"}, limits));
  const auto over = run_probe({"processes", "2"}, limits);
  EXPECT_EQ(over.stdout_text.bytes, "1\n");
  EXPECT_EQ(outcome_of(over), "process_limit");
}

TEST_F(LimitsTest, OpenFilesAreBoundedWithTheStandardStreamsAmongThem) {
  Limits limits = roomy_limits();
  limits.open_files = 32;
  const auto under = run_probe({"open", "29"}, limits);
  expect_ok(under);
  EXPECT_EQ(under.stdout_text.bytes, "29 ok\n");
  const auto over = run_probe({"open", "30"}, limits);
  EXPECT_EQ(over.stdout_text.bytes, "29 EMFILE\n");
}

// ---- Files. ----

TEST_F(LimitsTest, AFileOverFileSizeEndsTheProgram) {
  Limits limits = roomy_limits();
  limits.file_size = 4_MiB;
  const std::uint64_t most = limits.file_size.bytes();
  expect_ok(run_probe({"write-file", "file", std::to_string(most - 1)}, limits));
  const auto over = run_probe({"write-file", "file", std::to_string(most + 1)}, limits);
  EXPECT_EQ(outcome_of(over), "disk_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"file_size"});
  EXPECT_EQ(over.verdict.signal, SIGXFSZ);
}

TEST_F(LimitsTest, AFileThatReachedFileSizeIsNotedWhenTheProgramIgnoresTheSignal) {
  Limits limits = roomy_limits();
  limits.file_size = 4_MiB;
  const std::uint64_t most = limits.file_size.bytes();
  const auto over =
      run_probe({"write-file", "/tmp/file", std::to_string(most + 1), "careful"}, limits);
  EXPECT_EQ(over.stderr_text.bytes, "write: EFBIG\n");
  EXPECT_EQ(outcome_of(over), "disk_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"file_size"});
  const auto exact = run_probe({"write-file", "/tmp/file", std::to_string(most)}, limits);
  EXPECT_EQ(outcome_of(exact), "ok");
  EXPECT_EQ(limits_hit_of(exact), Words{"file_size"});
}

TEST_F(LimitsTest, SubmittedFilesOverFileSizeAreNotTheProgramsDoing) {
  Limits limits = roomy_limits();
  limits.file_size = 4_KiB;
  const auto result = run_probe({"exit", "1"}, limits);
  EXPECT_EQ(outcome_of(result), "nonzero_exit") << result.verdict.message;
  EXPECT_EQ(limits_hit_of(result), Words{});
}

TEST_F(LimitsTest, ASubmittedFileOfExactlyFileSizeIsNotTheProgramsDoing) {
  Limits limits = roomy_limits();
  limits.file_size = 4_KiB;
  const std::string text(limits.file_size.bytes(), 'x');
  ProbeCall call{.args = {"exit", "0"}, .limits = limits};
  call.files = {{.name = "input", .content = text}};
  EXPECT_EQ(limits_hit_of(run_probe(call)), Words{});
  // What it writes over it is.
  call.args = {"write-file", "input", std::to_string(text.size())};
  EXPECT_EQ(limits_hit_of(run_probe(call)), Words{"file_size"});
}

using EveryWritableFolder = CellTestWith<const char*>;

INSTANTIATE_TEST_SUITE_P(Folders,
                         EveryWritableFolder,
                         testing::Values("/box", "/tmp", "/var/tmp", "/dev/shm"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '/', '_');
                           return name.substr(1);
                         });

TEST_P(EveryWritableFolder, TakesBytesUpToTheDiskLimit) {
  Limits limits = roomy_limits();
  limits.disk = 16_MiB;
  const std::string file = std::string(GetParam()) + "/file";
  // The probe itself is a file of about a mebibyte.
  expect_ok(run_probe({"write-file", file, percent_of(limits.disk, 85)}, limits));
  const auto over = run_probe({"write-file", file, percent_of(limits.disk, 110)}, limits);
  EXPECT_EQ(over.stderr_text.bytes, "write: ENOSPC\n");
  EXPECT_EQ(outcome_of(over), "disk_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"disk"});
  EXPECT_EQ(over.verdict.exit_code, 1);
}

TEST_F(LimitsTest, AFullDiskIsOnlyNotedWhenTheProgramEndsWell) {
  Limits limits = roomy_limits();
  limits.disk = 16_MiB;
  const auto result =
      run_probe({"write-file", "file", percent_of(limits.disk, 110), "content"}, limits);
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(limits_hit_of(result), Words{"disk"});
}

TEST_F(LimitsTest, FilesAreBoundedInNumber) {
  Limits limits = roomy_limits();
  limits.disk_inodes = 100;
  const auto under = run_probe({"write-files", "90"}, limits);
  expect_ok(under);
  const auto over = run_probe({"write-files", "100"}, limits);
  EXPECT_EQ(over.stderr_text.bytes, "open: ENOSPC\n");
  EXPECT_EQ(outcome_of(over), "disk_limit") << over.verdict.message;
  EXPECT_EQ(limits_hit_of(over), Words{"disk_inodes"});
}

TEST_F(LimitsTest, SubmittedFilesThatDoNotFitAreTheJobsFault) {
  Limits limits = roomy_limits();
  limits.disk = 64_KiB;
  const auto result = run_probe({"exit", "0"}, limits);
  EXPECT_EQ(outcome_of(result), "disk_limit") << result.verdict.message;
  EXPECT_EQ(limits_hit_of(result), Words{"disk"});
}

// ---- Output. ----

using EveryOutput = CellTestWith<const char*>;

INSTANTIATE_TEST_SUITE_P(Streams,
                         EveryOutput,
                         testing::Values("stdout", "stderr"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EveryOutput, IsKeptWholeUpToItsLimit) {
  Limits limits = roomy_limits();
  limits.output = 100_KiB;
  const std::uint64_t size = limits.output.bytes();
  const auto result = run_probe({std::string("write-") + GetParam(), std::to_string(size)}, limits);
  expect_ok(result);
  const bool is_stdout = std::string(GetParam()) == "stdout";
  const auto& text = is_stdout ? result.stdout_text : result.stderr_text;
  EXPECT_EQ(text.total, size);
  EXPECT_FALSE(text.is_truncated());
  EXPECT_TRUE(text.bytes == counted_bytes(0, size));
  EXPECT_EQ((is_stdout ? result.stderr_text : result.stdout_text).total, 0U);
}

TEST_P(EveryOutput, KeepsHeadAndTailWhenItIsOverItsLimit) {
  Limits limits = roomy_limits();
  limits.output = 100_KiB;
  const std::uint64_t kept = limits.output.bytes();
  for (const std::uint64_t size : {kept + 1, kept * 7 + 3}) {
    const auto result =
        run_probe({std::string("write-") + GetParam(), std::to_string(size)}, limits);
    EXPECT_EQ(outcome_of(result), "output_limit");
    EXPECT_EQ(limits_hit_of(result), Words{"output"});
    EXPECT_EQ(result.verdict.exit_code, 0);  // what is over is dropped; the program does not notice
    const auto& text =
        std::string(GetParam()) == "stdout" ? result.stdout_text : result.stderr_text;
    EXPECT_EQ(text.total, size);
    EXPECT_TRUE(text.is_truncated());
    ASSERT_EQ(text.bytes.size(), kept);
    EXPECT_EQ(text.head_bytes, kept / 2);
    EXPECT_TRUE(text.bytes.substr(0, text.head_bytes) == counted_bytes(0, text.head_bytes));
    EXPECT_TRUE(text.bytes.substr(text.head_bytes) ==
                counted_bytes(size - (kept - text.head_bytes), size));
  }
}

TEST_F(LimitsTest, OutputOfNoBytesMeansNone) {
  Limits limits = roomy_limits();
  limits.output = 0_B;
  expect_ok(run_probe({"exit", "0"}, limits));
  const auto over = run_probe({"write-stdout", "1"}, limits);
  EXPECT_EQ(outcome_of(over), "output_limit");
  EXPECT_EQ(over.stdout_text.bytes, "");
  EXPECT_EQ(over.stdout_text.total, 1U);
}

// ---- Network. ----

TEST_F(LimitsTest, NetworkLoopbackIsTheCellsOwnAndNoneIsNoInternetSocketAtAll) {
  Limits limits = roomy_limits();
  limits.network = Network::loopback;
  EXPECT_EQ(run_probe({"connect-loopback"}, limits).stdout_text.bytes, "ok\n");
  limits.network = Network::none;
  EXPECT_EQ(run_probe({"connect-loopback"}, limits).stdout_text.bytes, "ENOSYS\n");
}

// ---- Endings that are no limit. ----

TEST_F(LimitsTest, AnExitCodeIsReportedAsItIs) {
  const auto result = run_probe({"exit", "42"});
  EXPECT_EQ(outcome_of(result), "nonzero_exit");
  EXPECT_EQ(result.verdict.exit_code, 42);
  EXPECT_EQ(limits_hit_of(result), Words{});
}

TEST_F(LimitsTest, ASignalThatTheProgramSendsItselfIsNotOurs) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGKILL}) {
    const auto result = run_probe({"signal", std::to_string(signal)});
    EXPECT_EQ(outcome_of(result), "signaled");
    EXPECT_EQ(result.verdict.signal, signal);
    EXPECT_EQ(limits_hit_of(result), Words{});
  }
}

}  // namespace
}  // namespace retort::test
