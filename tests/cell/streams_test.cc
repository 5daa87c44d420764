// Streams: any amount of bytes, any bytes, readers and writers that do not do their part.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/files.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

using base::Fd;
using base::operator""_GiB;
using base::operator""_MiB;
using cell::Limits;

constexpr std::uint64_t kGibi = 1U << 30U;
constexpr std::uint64_t kMostMemory = (64U << 20U) + kFreedMemory;

class StreamsTest : public CellTest {
 protected:
  void SetUp() override {
    CellTest::SetUp();
    before_ = resident_bytes(::getpid());
  }
  void TearDown() override {
    EXPECT_LT(resident_bytes(::getpid()), before_ + kMostMemory) << "this process's memory";
    CellTest::TearDown();
  }

 private:
  std::uint64_t before_ = 0;
};

// A file of zeros that takes no memory until it is read.
Fd make_large_file(std::uint64_t size) {
  auto file = kernel::make_memory_file("large");
  EXPECT_TRUE(file);
  EXPECT_EQ(::ftruncate(file->get(), static_cast<off_t>(size)), 0);
  return *std::move(file);
}

// All 256 bytes in every order of two.
std::string every_byte() {
  std::string text;
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      text += static_cast<char>(first);
      text += static_cast<char>(second);
    }
  }
  return text;
}

TEST_F(StreamsTest, AGibibyteOfInputThatIsNeverReadHoldsNothingUp) {
  const Fd input = make_large_file(kGibi);
  const auto result = run_probe(
      {.args = {"exit", "0"}, .streams = {.stdin_text = "", .stdin_source = input.get()}});
  EXPECT_EQ(outcome_of(result), "ok");
  // A pipe's worth was taken, not all.
  EXPECT_LT(::lseek(input.get(), 0, SEEK_CUR), 1 << 20);
}

TEST_F(StreamsTest, ALargeInputIsPassedOnWhole) {
  const Fd large = make_large_file(kGibi / 4);
  const auto result = run_probe(
      {.args = {"count-stdin"}, .streams = {.stdin_text = "x", .stdin_source = large.get()}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.stdout_text.bytes, std::to_string(kGibi / 4 + 1) + "\n");
}

TEST_F(StreamsTest, InputWithoutEndDoesNotKeepAProgramThatReadsOneByte) {
  const Fd input = Fd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(input.is_open());
  const auto result = run_probe({.args = {"byte-then-write", "16"},
                                 .streams = {.stdin_text = "", .stdin_source = input.get()}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.stdout_text.bytes, counted_bytes(0, 16));
}

TEST_F(StreamsTest, InputThatNobodyWritesIsWaitedForAndHoldsNothingUp) {
  const auto pipe = kernel::make_pipe();
  ASSERT_TRUE(pipe);
  const auto result = run_probe(
      {.args = {"exit", "3"}, .streams = {.stdin_text = "", .stdin_source = pipe->read_end.get()}});
  EXPECT_EQ(result.verdict.exit_code, 3);
}

TEST_F(StreamsTest, AGibibyteOfOutputPassesToASink) {
  const Fd sink = Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(sink.is_open());
  Limits limits = roomy_limits();
  limits.output = 2_GiB;
  const auto result = run_probe({.args = {"byte-then-write", std::to_string(kGibi)},
                                 .limits = limits,
                                 .streams = {.stdin_text = "x", .stdout_sink = sink.get()}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.stdout_text.total, kGibi);
}

TEST_F(StreamsTest, OutputOverTheLimitIsCapturedAsHeadAndTailAndTheProgramGoesOn) {
  for (const auto& [limit, total] : {std::pair{1_MiB, 16_MiB}, {8_MiB, 40_MiB}}) {
    Limits limits = roomy_limits();
    limits.output = limit;
    const auto result = run_probe({.args = {"byte-then-write", std::to_string(total.bytes())},
                                   .limits = limits,
                                   .streams = {.stdin_text = "x"}});
    EXPECT_EQ(outcome_of(result), "output_limit");
    EXPECT_EQ(result.verdict.exit_code, 0);
    EXPECT_EQ(result.stdout_text.total, total.bytes());
    const std::uint64_t half = limit.bytes() / 2;
    EXPECT_TRUE(result.stdout_text.bytes ==
                counted_bytes(0, half) + counted_bytes(total.bytes() - half, total.bytes()));
  }
}

TEST_F(StreamsTest, AFloodEndsTheProgramLongBeforeItsTime) {
  const auto sink = kernel::make_memory_file("sink");
  ASSERT_TRUE(sink);
  Limits limits = roomy_limits();
  limits.cpu_time = std::chrono::seconds(600);
  limits.wall_time = std::chrono::seconds(600);
  limits.output = 1_MiB;
  for (const int descriptor : {-1, sink->get()}) {
    const auto result = run_probe({.args = {"flood"},
                                   .limits = limits,
                                   .streams = {.stdin_text = "", .stdout_sink = descriptor}});
    EXPECT_EQ(outcome_of(result), "output_limit") << result.verdict.message;
    EXPECT_EQ(limits_hit_of(result), Words{"output"});
    EXPECT_EQ(result.verdict.signal, SIGKILL);
    EXPECT_TRUE(result.stdout_text.is_truncated());
    EXPECT_GT(result.stdout_text.total, (17_MiB).bytes());
    if (descriptor < 0) EXPECT_EQ(result.stdout_text.bytes.size(), limits.output.bytes());
  }
  EXPECT_EQ(::lseek(sink->get(), 0, SEEK_END), 1 << 20);
}

TEST_F(StreamsTest, NoMoreThanTheLimitPassesToASink) {
  const auto sink = kernel::make_memory_file("sink");
  ASSERT_TRUE(sink);
  Limits limits = roomy_limits();
  limits.output = 1_MiB;
  const auto result = run_probe({.args = {"write-stdout", "3000000"},
                                 .limits = limits,
                                 .streams = {.stdin_text = "", .stdout_sink = sink->get()}});
  EXPECT_EQ(outcome_of(result), "output_limit");
  EXPECT_EQ(result.verdict.exit_code, 0);
  EXPECT_EQ(::lseek(sink->get(), 0, SEEK_END), 1 << 20);
}

TEST_F(StreamsTest, ASinkThatIsGoneEndsTheProgramAsABrokenPipe) {
  auto pipe = kernel::make_pipe();
  ASSERT_TRUE(pipe);
  pipe->read_end.reset();
  const auto result = run_probe(
      {.args = {"flood"}, .streams = {.stdin_text = "", .stdout_sink = pipe->write_end.get()}});
  EXPECT_EQ(outcome_of(result), "signaled") << result.verdict.message;
  EXPECT_EQ(result.verdict.signal, SIGPIPE);
}

TEST_F(StreamsTest, EveryByteComesThroughAsItIs) {
  const std::string text = every_byte();
  const auto result = run_probe({.args = {"echo"}, .streams = {.stdin_text = text}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_TRUE(result.stdout_text.bytes == text);
}

TEST_F(StreamsTest, AProgramThatWritesAsItReadsDoesNotLock) {
  std::string text;
  while (text.size() < 8U << 20U) text += every_byte();
  const auto result = run_probe({.args = {"echo"}, .streams = {.stdin_text = text}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_TRUE(result.stdout_text.bytes == text);
}

TEST_F(StreamsTest, InputEndsWhereItEnds) {
  EXPECT_EQ(run_probe({.args = {"count-stdin"}}).stdout_text.bytes, "0\n");
  EXPECT_EQ(
      run_probe({.args = {"count-stdin"}, .streams = {.stdin_text = "abc"}}).stdout_text.bytes,
      "3\n");
}

TEST_F(StreamsTest, AProgramMayCloseItsStreams) {
  const auto result =
      run_probe({.args = {"close-streams", "300"}, .streams = {.stdin_text = every_byte()}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.stdout_text.total, 0U);
  EXPECT_GE(result.facts.wall_us, 300'000U);
}

TEST_F(StreamsTest, ADaemonThatHoldsStdoutDoesNotDelayTheResult) {
  const base::Duration begin = base::monotonic_now();
  const auto result = run_probe({.args = {"daemon"}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.stdout_text.bytes.substr(0, 6), result.stdout_text.total == 0 ? "" : "daemon");
  // It would stay for as long as the wall time allows.
  EXPECT_LT(base::monotonic_now() - begin, roomy_limits().wall_time / 2);
}

TEST_F(StreamsTest, ArgumentsComeThroughAsTheyAre) {
  const Words words = {"", "a b", "$(id)", "{main}", "*", "-x", "\x01\xFF"};
  Words args = {"args"};
  args.insert(args.end(), words.begin(), words.end());
  EXPECT_EQ(lines_of(run_probe({.args = args}).stdout_text.bytes), words);
}

}  // namespace
}  // namespace retort::test
