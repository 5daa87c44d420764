// Job: one submission and how it ended. Build, then run, or run each test; every stage in a cell of
// its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cell/verdict.h"
#include "job/build.h"
#include "job/scheduler.h"
#include "job/stage.h"
#include "job/submission.h"
#include "job/test_run.h"

namespace retort::job {

struct JobResult {
  cell::Outcome outcome = cell::Outcome::internal_error;
  std::string message;
  std::vector<StageResult> stages;
  std::vector<TestResult> tests;  // in the order of the submission
  bool has_tests = false;
  bool is_cached = false;   // the program was not compiled, but found
  bool has_own_ids = true;  // cells have user ids that nobody else has
  base::Duration queued{};  // before it began; whoever queued it says so
  base::Duration total{};   // from start to here
  // What the run stage wrote and was collected, as a bundle; see output_files.h.
  base::Fd files;
};

class Job {
 public:
  using Done = std::function<void(base::Result<JobResult>)>;

  // Seats for tests side by side, beyond the one that the caller holds.
  using TakeSeat = std::function<std::optional<Scheduler::Seat>()>;

  // An Error means that the job did not take place: a bad file name, a limit that cannot be
  // enforced, a keeper that died. `done` is called once, from the loop, or by `start` itself when
  // it is wrong at once. The job must live until then.
  Job(const Means& means, Submission submission, Done done, TakeSeat take_seat = nullptr);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void start();
  // Ends it; `done` follows with the outcome `cancelled`.
  void cancel();
  // Those of the stage that runs (Stage::signal, Stage::resize). Between stages a signal goes
  // nowhere; a size is that of the stage to come.
  base::Status signal(int number);
  base::Status resize(kernel::TerminalSize size);
  [[nodiscard]] const Submission& submission() const { return submission_; }

 private:
  // A test under way, and the seat it has beyond the job's own.
  struct Running {
    std::unique_ptr<TestRun> run;
    std::optional<Scheduler::Seat> seat;
  };

  void build(Program program, std::string suffix, std::function<void(Built)> next);
  void on_built(base::Result<BuildResult> result,
                bool is_program,
                const std::function<void(Built)>& next);
  void after_program(Built built);
  void after_checker();
  void after_interactor();
  base::Status run();
  void begin_run(const base::Result<base::Fd>& bundle);
  void on_run(base::Result<StageResult> result);
  void begin_tests();
  void begin_test(std::size_t index, std::optional<Scheduler::Seat> seat);
  void fail_tests(base::Error error);
  void on_test(std::size_t index, base::Result<TestResult> result);
  void finish_tests();
  void finish(base::Result<JobResult> result);

  Means means_;
  Submission submission_;
  Done done_;
  TakeSeat take_seat_;
  base::Duration started_at_;
  bool cancelled_ = false;
  bool is_running_ = false;  // the stage is the run stage
  JobResult result_;
  TestPrograms programs_;
  std::unique_ptr<Build> build_;
  std::unique_ptr<Stage> stage_;
  std::vector<Running> running_;                 // by test
  std::vector<std::unique_ptr<TestRun>> ended_;  // still on the stack
  bool is_beginning_ = false;  // tests; one that ends at once does not begin others
  std::size_t next_test_ = 0;
  std::size_t tests_running_ = 0;
  std::optional<std::size_t> seated_test_;  // which test has the job's own seat
  bool has_failed_test_ = false;
  std::optional<base::Error> failed_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace retort::job
