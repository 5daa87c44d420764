// Bundling: what a job copies is copied aside, once for all tests that may share it, and whoever
// runs jobs goes on meanwhile.
#include "job/bundling.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "job/job.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

using cell::Outcome;
using job::JobResult;
using job::Submission;

// Copies only when the loop has answered so many requests since it was asked: a loop that waited
// for the copy would answer none, and wait for ever.
class PatientAside : public job::Aside {
 public:
  explicit PatientAside(kernel::EventLoop& loop) : loop_(loop), timer_(*kernel::Timer::create()) {
    EXPECT_TRUE(loop_.watch(timer_.descriptor(), EPOLLIN, [this](auto) { answer_request(); }));
  }
  ~PatientAside() override { loop_.forget(timer_.descriptor()); }
  PatientAside(const PatientAside&) = delete;
  PatientAside& operator=(const PatientAside&) = delete;

  void run(Work work, Work done) override {
    copies_.emplace_back(std::move(work), std::move(done));
    answered_ = 0;
    EXPECT_TRUE(timer_.arm(kTick));
  }
  unsigned made = 0;
  std::function<void()> on_request = [] {};

 private:
  static constexpr base::Duration kTick = std::chrono::milliseconds(1);
  static constexpr unsigned kRequests = 3;

  void answer_request() {
    timer_.acknowledge();
    on_request();
    if (++answered_ < kRequests) {
      EXPECT_TRUE(timer_.arm(kTick));
      return;
    }
    for (auto& [work, done] : std::exchange(copies_, {})) {
      ++made;
      work();
      done();
    }
  }

  kernel::EventLoop& loop_;
  kernel::Timer timer_;
  std::vector<std::pair<Work, Work>> copies_;
  unsigned answered_ = 0;
};

class BundlingTest : public CellTest {
 protected:
  BundlingTest() {
    python_.id = "python";
    python_.main = "main.py";
    python_.extensions = {"py"};
    python_.run.command = {"/usr/bin/python3", "{main}", "{args}"};
  }

  void SetUp() override {
    CellTest::SetUp();
    if (!IsSkipped()) aside_.emplace(loop());
  }
  void TearDown() override {
    job_.reset();
    aside_.reset();
    CellTest::TearDown();
  }

  Submission submission(std::string source) {
    Submission result;
    result.program.runtime = &python_;
    result.program.files = {{.name = "main.py", .content = std::move(source)}};
    result.program.run_limits = roomy_limits();
    result.allow_unenforced = keeper().abilities().unenforceable;
    return result;
  }
  Submission echoes(std::size_t tests) {
    Submission one = submission("import sys\nprint(input(), *sys.argv[1:])");
    one.tests.emplace();
    one.tests->check.kind = job::CheckKind::tokens;
    one.tests->parallel = 3;
    for (std::size_t i = 0; i < tests; ++i) {
      job::Input input{.text = std::to_string(i), .file = nullptr};
      one.tests->cases.push_back({.name = "", .input = input, .answer = input});
    }
    return one;
  }
  JobResult run(Submission one) {
    std::optional<JobResult> result;
    job_ = std::make_unique<job::Job>(
        job::Means{.loop = loop(), .keeper = keeper(), .aside = &*aside_},
        std::move(one),
        [&](base::Result<JobResult> ended) {
          EXPECT_TRUE(ended) << ended.error().what;
          result = ended ? *std::move(ended) : JobResult();
          loop().stop();
        },
        [this] { return scheduler_.take_spare({}); });
    job_->start();
    EXPECT_TRUE(loop().run());
    return *std::move(result);
  }

  runtime::Manifest python_;
  std::optional<PatientAside> aside_;
  job::Scheduler scheduler_{{.seats = 8}};
  std::unique_ptr<job::Job> job_;
};

TEST_F(BundlingTest, TestsShareOneCopyThatIsMadeWhileRequestsAreAnswered) {
  const JobResult result = run(echoes(8));
  EXPECT_EQ(result.outcome, Outcome::ok) << result.message;
  for (std::size_t i = 0; i < result.tests.size(); ++i)
    EXPECT_EQ(result.tests[i].run->stdout_text.bytes, std::to_string(i) + "\n");
  EXPECT_EQ(aside_->made, 1U);
}

TEST_F(BundlingTest, ATestWithArgumentsOfItsOwnHasACopyOfItsOwn) {
  Submission one = echoes(3);
  one.tests->cases[1].args = std::vector<std::string>{"more"};
  one.tests->cases[1].answer->text = "1 more";
  EXPECT_EQ(run(std::move(one)).outcome, Outcome::ok);
  EXPECT_EQ(aside_->made, 2U);
}

TEST_F(BundlingTest, WhatACheckerIsGivenIsCopiedAsideToo) {
  Submission one = echoes(3);
  one.tests->check.kind = job::CheckKind::program;
  one.tests->check.program =
      submission("import sys\nsys.exit(open('output').read() != open('answer').read() + '\\n')")
          .program;
  const JobResult result = run(std::move(one));
  EXPECT_EQ(result.outcome, Outcome::ok) << result.message;
  EXPECT_EQ(aside_->made, 1U + 3U);
}

TEST_F(BundlingTest, AJobThatIsCancelledWhileItsBundleIsMadeEndsSo) {
  aside_->on_request = [this] { job_->cancel(); };
  EXPECT_EQ(run(submission("print(1)")).outcome, Outcome::cancelled);
  const JobResult tests = run(echoes(4));
  EXPECT_EQ(tests.outcome, Outcome::cancelled);
  EXPECT_FALSE(tests.tests.front().run) << "it did not run";
  EXPECT_TRUE(tests.tests.back().is_skipped);
}

}  // namespace
}  // namespace retort::test
