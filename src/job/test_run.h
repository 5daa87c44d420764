// Test run: one test of a built program, judged by comparison, by a checker, or by an interactor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "cell/verdict.h"
#include "job/bundling.h"
#include "job/contents.h"
#include "job/stage.h"
#include "job/submission.h"
#include "kernel/files.h"

namespace retort::job {

struct TestResult {
  std::string name;
  bool is_skipped = false;  // an earlier test failed, and the rest was not wanted then
  cell::Outcome outcome = cell::Outcome::internal_error;
  std::string message;
  std::optional<StageResult> run;
  std::optional<StageResult> judge;  // of the checker or the interactor
};

// The built programs of a test set, shared by its tests.
struct TestPrograms {
  std::shared_ptr<const Built> program;
  std::shared_ptr<const Built> checker;     // null: none
  std::shared_ptr<const Built> interactor;  // likewise
  SharedBundle bundle;                      // of the program, with its own arguments
};

class TestRun {
 public:
  using Done = std::function<void(base::Result<TestResult>)>;

  // Everything referred to outlives it. `done` is called once, from the loop or by `start` itself;
  // an Error means that the test did not take place.
  TestRun(const Means& means,
          TestPrograms& programs,
          const TestSet& set,
          const TestCase& test,
          std::uint32_t allow_unenforced,
          Done done);
  TestRun(const TestRun&) = delete;
  TestRun& operator=(const TestRun&) = delete;

  void start();
  void cancel();

 private:
  // Between a program and its interactor.
  struct Channel {
    kernel::Pipe pipe;
  };

  // Begins a stage when its bundle is there.
  using Begin = std::move_only_function<void(const base::Fd& bundle)>;

  base::Status begin();
  base::Status begin_interactor();
  base::Status run_program(StageStreams streams);
  TakeBundle when_bundled(Begin begin);
  void fail(base::Error error);
  StageStreams joined_streams(Channel& in, Channel& out);
  void on_run(base::Result<StageResult> result);
  void on_interactor(base::Result<StageResult> result);
  void judge();
  base::Status compare();
  base::Status begin_checker(StageResult& run);
  void on_checked(base::Result<StageResult> result);
  void take_verdict_of_judge();
  void finish();

  Means means_;
  TestPrograms& programs_;
  const TestSet& set_;
  const TestCase& test_;
  std::uint32_t allow_unenforced_;
  Done done_;
  TestResult result_;
  std::optional<base::Error> failed_;
  base::Fd input_;  // our own description of the test's input file
  Channel to_program_;
  Channel to_interactor_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<Stage> judge_;
  unsigned under_way_ = 0;  // stages that run, or whose bundles are made
  bool cancelled_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace retort::job
