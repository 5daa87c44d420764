// Submission: what its cells may use is the sum over all of them.
#include "job/submission.h"

#include <gtest/gtest.h>

namespace retort::job {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

class CpuCeilingTest : public testing::Test {
 protected:
  CpuCeilingTest() { compiled_.compile.emplace(); }

  // 2 s each time that it runs, 10 s each time that it is built.
  static Program program(const runtime::Manifest& runtime) {
    Program one;
    one.runtime = &runtime;
    one.run_limits.cpu_time = 1500ms;
    one.run_limits.extra_time = 500ms;
    one.compile_limits.cpu_time = 9s;
    one.compile_limits.extra_time = 1s;
    return one;
  }
  static Submission submission(const runtime::Manifest& runtime) {
    Submission one;
    one.program = program(runtime);
    return one;
  }

  runtime::Manifest plain_;
  runtime::Manifest compiled_;
};

TEST_F(CpuCeilingTest, IsThatOfTheRunAndOfWhatComesBeforeIt) {
  EXPECT_EQ(cpu_ceiling_of(submission(plain_)), 2s);
  EXPECT_EQ(cpu_ceiling_of(submission(compiled_)), 12s);
  Submission packed = submission(compiled_);
  packed.program.archive.emplace();
  EXPECT_EQ(cpu_ceiling_of(packed), 22s);
}

TEST_F(CpuCeilingTest, CountsEveryTestWithItsJudge) {
  Submission one = submission(compiled_);
  one.tests.emplace();
  one.tests->cases.resize(100);
  EXPECT_EQ(cpu_ceiling_of(one), 10s + 100 * 2s);
  one.tests->check.program = program(compiled_);
  EXPECT_EQ(cpu_ceiling_of(one), 2 * 10s + 100 * (2s + 2s));
  one.tests->check.program.reset();
  one.tests->interactor = program(plain_);
  EXPECT_EQ(cpu_ceiling_of(one), 10s + 100 * (2s + 2s));
}

TEST_F(CpuCeilingTest, IsALargeNumberWhereItWouldBeTooLargeForOne) {
  Submission one = submission(plain_);
  one.program.run_limits.cpu_time = base::Duration::max() / 2;
  one.tests.emplace();
  one.tests->cases.resize(1000);
  EXPECT_GT(cpu_ceiling_of(one), 8784h);
  EXPECT_LT(cpu_ceiling_of(one), base::Duration::max() / 100'000);
}

}  // namespace
}  // namespace retort::job
