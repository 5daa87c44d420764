// Job: the order of builds, runs and tests.
#include "job/job.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;
using cell::Outcome;

namespace {

// What most clients' terminals understand, and every ncurses has (terminfo(5)).
constexpr const char* kTerminalKind = "xterm-256color";

}  // namespace

Job::Job(const Means& means, Submission submission, Done done, TakeSeat take_seat)
    : means_(means),
      submission_(std::move(submission)),
      done_(std::move(done)),
      take_seat_(std::move(take_seat)),
      started_at_(base::monotonic_now()) {
  result_.has_own_ids = !means_.keeper.abilities().single_id;
}

void Job::start() {
  build(
      std::move(submission_.program), "", [this](Built built) { after_program(std::move(built)); });
}

void Job::cancel() {
  cancelled_ = true;
  if (build_) build_->cancel();
  if (stage_) stage_->cancel();
  for (const Running& running : running_) {
    if (running.run) running.run->cancel();
  }
}

Status Job::signal(int number) {
  return is_running_ && stage_ ? stage_->signal(number) : Status();
}

Status Job::resize(kernel::TerminalSize size) {
  auto& terminal = submission_.streams.terminal;
  if (!terminal || !size.is_valid())
    return Error{Fault::invalid, "no terminal, or none of that size (1 to 4096)", 0};
  terminal = size;
  return is_running_ && stage_ ? stage_->resize(size) : Status();
}

void Job::build(Program program, std::string suffix, std::function<void(Built)> next) {
  const bool is_program = suffix.empty();
  // The finished one, if there is one, is still on the stack until this one has begun.
  auto before = std::exchange(
      build_,
      std::make_unique<Build>(means_,
                              std::move(program),
                              Build::Settings{.suffix = std::move(suffix),
                                              .allow_unenforced = submission_.allow_unenforced,
                                              .cache_scope = submission_.cache_scope},
                              submission_.on_stage,
                              [this, is_program, next = std::move(next)](auto result) {
                                on_built(std::move(result), is_program, next);
                              }));
  build_->start();
}

void Job::on_built(Result<BuildResult> result,
                   bool is_program,
                   const std::function<void(Built)>& next) {
  if (!result) return finish(std::move(result).error());
  for (StageResult& stage : result->stages) {
    if (is_program && stage.is_cached) result_.is_cached = true;
    result_.stages.push_back(std::move(stage));
  }
  result_.outcome = cancelled_ ? Outcome::cancelled : result->outcome;
  result_.message = std::move(result->message);
  if (result->built && !cancelled_) {
    // It is on the stack, in the build that it may replace.
    const auto go_on = next;
    return go_on(*std::move(result->built));
  }
  // A checker that cannot be built is no fault of the program.
  if (!is_program && !cancelled_) result_.outcome = Outcome::check_error;
  finish(std::move(result_));
}

void Job::after_program(Built built) {
  programs_.program = std::make_shared<const Built>(std::move(built));
  if (!submission_.tests) {
    if (const auto begun = run(); !begun) finish(begun.error());
    return;
  }
  if (submission_.tests->check.program) {
    return build(*std::move(submission_.tests->check.program), "_checker", [this](Built checker) {
      programs_.checker = std::make_shared<const Built>(std::move(checker));
      after_checker();
    });
  }
  after_checker();
}

void Job::after_checker() {
  if (!submission_.tests->interactor) return after_interactor();
  build(*std::move(submission_.tests->interactor), "_interactor", [this](Built interactor) {
    programs_.interactor = std::make_shared<const Built>(std::move(interactor));
    after_interactor();
  });
}

void Job::after_interactor() {
  result_.has_tests = true;
  result_.tests.resize(submission_.tests->cases.size());
  running_.resize(result_.tests.size());
  begin_tests();
}

Status Job::run() {
  const Built& built = *programs_.program;
  const runtime::StageSpec& spec = built.program.runtime->run;
  Contents contents;
  RETORT_TRY(contents.command, command_for(built, spec, true, built.program.args));
  if (submission_.streams.terminal) contents.env["TERM"] = kTerminalKind;
  for (const auto& variables : {spec.env, built.program.env}) {
    for (const auto& [name, value] : variables) contents.env[name] = value;
  }
  contents.wanted = submission_.collect;
  make_bundle_aside(means_.aside,
                    programs_.program,
                    std::move(contents),
                    [this, alive = std::weak_ptr(alive_)](const Result<Fd>& bundle) {
                      if (!alive.expired()) begin_run(bundle);
                    });
  return {};
}

void Job::begin_run(const Result<Fd>& bundle) {
  if (!bundle) return finish(bundle.error());
  if (cancelled_) {
    result_.outcome = Outcome::cancelled;
    result_.message = "cancelled";
    return finish(std::move(result_));
  }
  const Program& program = programs_.program->program;
  const keeper::Order order = order_for(program.run_limits,
                                        program.runtime->run.add_ons,
                                        submission_.allow_unenforced,
                                        !submission_.collect.empty());
  is_running_ = true;
  stage_ = std::make_unique<Stage>(
      means_, "run", order, *bundle, std::move(submission_.streams), [this](auto result) {
        on_run(std::move(result));
      });
}

void Job::on_run(Result<StageResult> result) {
  if (!result) return finish(result.error());
  result_.outcome = result->verdict.outcome;
  result_.message = result->verdict.message;
  result_.files = std::move(result->collected);
  result_.stages.push_back(*std::move(result));
  finish(std::move(result_));
}

// As many as are wanted side by side and have a seat; the first has the job's own.
void Job::begin_tests() {
  if (std::exchange(is_beginning_, true)) return;
  const TestSet& set = *submission_.tests;
  while (next_test_ < set.cases.size() && tests_running_ < std::max(1U, set.parallel)) {
    if (cancelled_ || failed_ || (has_failed_test_ && set.stop_early)) break;
    std::optional<Scheduler::Seat> seat;
    if (seated_test_) {
      if (take_seat_) seat = take_seat_();
      if (!seat) break;
    } else {
      seated_test_ = next_test_;
    }
    begin_test(next_test_++, std::move(seat));
  }
  is_beginning_ = false;
  if (tests_running_ == 0) finish_tests();
}

void Job::begin_test(std::size_t index, std::optional<Scheduler::Seat> seat) {
  ++tests_running_;
  Running& running = running_.at(index);
  running.seat = std::move(seat);
  running.run =
      std::make_unique<TestRun>(means_,
                                programs_,
                                *submission_.tests,
                                submission_.tests->cases.at(index),
                                submission_.allow_unenforced,
                                [this, index](auto result) { on_test(index, std::move(result)); });
  running.run->start();
}

// A test that did not take place: so the job did not.
void Job::fail_tests(base::Error error) {
  if (failed_) return;
  failed_ = std::move(error);
  for (const Running& other : running_) {
    if (other.run) other.run->cancel();
  }
}

void Job::on_test(std::size_t index, Result<TestResult> result) {
  --tests_running_;
  Running& running = running_.at(index);
  ended_.clear();
  ended_.push_back(std::move(running.run));
  running.seat.reset();
  if (seated_test_ == index) seated_test_.reset();
  if (result) {
    has_failed_test_ = has_failed_test_ || result->outcome != Outcome::ok;
    result_.tests.at(index) = *std::move(result);
    if (submission_.on_test) submission_.on_test(index, result_.tests.at(index));
  } else {
    fail_tests(std::move(result).error());
  }
  begin_tests();
}

// The job ends as its first test in order that did not end well.
void Job::finish_tests() {
  if (!done_) return;
  if (failed_) return finish(*std::move(failed_));
  for (std::size_t index = 0; index < result_.tests.size(); ++index) {
    TestResult& test = result_.tests[index];
    if (index < next_test_) continue;
    test.name = submission_.tests->cases[index].name;
    test.is_skipped = true;
  }
  result_.outcome = Outcome::ok;
  const auto bad = std::ranges::find_if(result_.tests, [](const TestResult& test) {
    return !test.is_skipped && test.outcome != Outcome::ok;
  });
  if (bad != result_.tests.end()) {
    result_.outcome = bad->outcome;
    result_.message =
        "test " +
        (bad->name.empty() ? std::to_string(bad - result_.tests.begin() + 1) : bad->name) + ": " +
        bad->message;
  }
  if (cancelled_) result_.outcome = Outcome::cancelled;
  finish(std::move(result_));
}

void Job::finish(Result<JobResult> result) {
  if (result) result->total = base::monotonic_now() - started_at_;
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
