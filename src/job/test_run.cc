// Test run: run, then judge; or both at once, joined by pipes.
#include "job/test_run.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <utility>

#include "base/bytes.h"
#include "job/build.h"
#include "job/compare.h"

namespace retort::job {

using base::Error;
using base::Fd;
using base::Result;
using base::Status;
using cell::Outcome;

namespace {

// The exit codes of a checker or an interactor: those of testlib, the field's library for them.
constexpr int kAccepted = 0;
constexpr int kWrong = 1;
constexpr int kMalformed = 2;
constexpr std::size_t kLongestRemark = 1000;

// A file's bytes for as long as this lives.
class Mapping {
 public:
  static Result<Mapping> of(const Fd& file) {
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return base::os_error("fstat", "the expected output");
    Mapping mapping;
    mapping.size_ = static_cast<std::size_t>(info.st_size);
    if (mapping.size_ == 0) return mapping;
    void* const address = ::mmap(nullptr, mapping.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) return base::os_error("mmap", "the expected output");
    mapping.address_ = static_cast<const char*>(address);
    return mapping;
  }
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    // The call takes a pointer to what it may no longer be used for, not to change it.
    if (address_ != nullptr) ::munmap(const_cast<char*>(address_), size_);  // NOLINT
  }
  [[nodiscard]] std::string_view bytes() const { return {address_, size_}; }

 private:
  Mapping() = default;
  const char* address_ = nullptr;
  std::size_t size_ = 0;
};

std::optional<std::string> difference(const Check& check,
                                      std::string_view output,
                                      std::string_view expected) {
  switch (check.kind) {
    case CheckKind::exact:
      return compare_exact(output, expected);
    case CheckKind::tokens:
      return compare_tokens(output, expected);
    case CheckKind::floats:
      return compare_floats(output, expected, check.tolerance);
    case CheckKind::none:
    case CheckKind::program:
      break;
  }
  return std::nullopt;
}

// A checker's first line, for the message.
std::string remark_of(const StageResult& judge) {
  std::string_view text = judge.stderr_text.bytes;
  if (text.empty()) text = judge.stdout_text.bytes;
  text = text.substr(0, text.find('\n')).substr(0, kLongestRemark);
  return base::printable(text);
}

// Did the program end by itself, or by having lost the one it spoke to?
bool ended_by_itself(const StageResult& run) {
  constexpr int kPipeSignal = 13;  // SIGPIPE
  return run.verdict.outcome == Outcome::ok || run.verdict.outcome == Outcome::nonzero_exit ||
         (run.verdict.outcome == Outcome::signaled && run.verdict.signal == kPipeSignal);
}

}  // namespace

TestRun::TestRun(const Means& means,
                 TestPrograms& programs,
                 const TestSet& set,
                 const TestCase& test,
                 std::uint32_t allow_unenforced,
                 Done done)
    : means_(means),
      programs_(programs),
      set_(set),
      test_(test),
      allow_unenforced_(allow_unenforced),
      done_(std::move(done)) {
  result_.name = test.name;
}

void TestRun::start() {
  if (const Status begun = begin(); !begun) fail(begun.error());
}

// What is under way ends; then the test does.
void TestRun::fail(base::Error error) {
  if (!failed_) failed_ = std::move(error);
  cancel();
  if (under_way_ == 0) finish();
}

// Between now and then a stage is under way that does not run yet.
TakeBundle TestRun::when_bundled(Begin begin) {
  ++under_way_;
  return
      [this, alive = std::weak_ptr(alive_), begin = std::move(begin)](Result<Fd> bundle) mutable {
        if (alive.expired()) return;
        if (bundle && !cancelled_) return begin(*bundle);
        --under_way_;
        if (!bundle) return fail(std::move(bundle).error());
        result_.outcome = Outcome::cancelled;
        result_.message = "cancelled";
        if (under_way_ == 0) finish();
      };
}

void TestRun::cancel() {
  cancelled_ = true;
  if (stage_) stage_->cancel();
  if (judge_) judge_->cancel();
}

Status TestRun::begin() {
  if (programs_.interactor) return begin_interactor();
  StageStreams streams;
  streams.stdin_text = test_.input.text;
  if (test_.input.file) {
    RETORT_TRY(input_, kernel::reopen_for_reading(*test_.input.file));
    streams.stdin_source = input_.get();
  }
  return run_program(std::move(streams));
}

Status TestRun::run_program(StageStreams streams) {
  const Built& built = *programs_.program;
  const runtime::StageSpec& spec = built.program.runtime->run;
  const auto& args = test_.args ? *test_.args : built.program.args;
  RETORT_TRY(auto command, command_for(built, spec, true, args));
  Contents contents;
  contents.command = std::move(command);
  contents.env = spec.env;
  for (const auto& [name, value] : built.program.env) contents.env[name] = value;
  const keeper::Order order =
      order_for(built.program.run_limits, spec.add_ons, allow_unenforced_, false);
  auto take = when_bundled([this, order, streams = std::move(streams)](const Fd& bundle) mutable {
    stage_ = std::make_unique<Stage>(
        means_, "run", order, bundle, std::move(streams), [this](auto result) {
          on_run(std::move(result));
        });
  });
  if (test_.args) {
    make_bundle_aside(means_.aside, programs_.program, std::move(contents), std::move(take));
  } else {
    programs_.bundle.get(means_.aside, programs_.program, contents, std::move(take));
  }
  return {};
}

// What reads from one channel and writes to the other. Each end is closed as soon as its user is
// done with it, so that the other one sees what it would see of a pipe.
StageStreams TestRun::joined_streams(Channel& in, Channel& out) {
  StageStreams streams;
  streams.stdin_source = in.pipe.read_end.get();
  streams.stdout_sink = out.pipe.write_end.get();
  streams.stdin_ended = [&in] { in.pipe.read_end.reset(); };
  streams.stdout_ended = [&out] { out.pipe.write_end.reset(); };
  return streams;
}

Status TestRun::begin_interactor() {
  for (Channel* const channel : {&to_program_, &to_interactor_}) {
    RETORT_TRY(channel->pipe, kernel::make_pipe());
    RETORT_CHECK(kernel::set_nonblocking(channel->pipe.read_end));
    RETORT_CHECK(kernel::set_nonblocking(channel->pipe.write_end));
  }
  const Built& interactor = *programs_.interactor;
  const runtime::StageSpec& spec = interactor.program.runtime->run;
  std::vector<std::string> args = {"input"};
  Contents contents;
  contents.given = {{.name = "input", .input = test_.input}};
  if (test_.answer) {
    contents.given.push_back({.name = "answer", .input = *test_.answer});
    args.emplace_back("answer");
  }
  args.insert(args.end(), interactor.program.args.begin(), interactor.program.args.end());
  RETORT_TRY(contents.command, command_for(interactor, spec, true, args));
  contents.env = spec.env;
  const keeper::Order order =
      order_for(interactor.program.run_limits, spec.add_ons, allow_unenforced_, false);
  auto take = when_bundled([this, order](const Fd& bundle) {
    judge_ = std::make_unique<Stage>(means_,
                                     "interactor",
                                     order,
                                     bundle,
                                     joined_streams(to_interactor_, to_program_),
                                     [this](auto result) { on_interactor(std::move(result)); });
    if (const auto begun = run_program(joined_streams(to_program_, to_interactor_)); !begun)
      fail(begun.error());
  });
  make_bundle_aside(means_.aside, programs_.interactor, std::move(contents), std::move(take));
  return {};
}

void TestRun::on_run(Result<StageResult> result) {
  --under_way_;
  if (result) {
    result_.run = *std::move(result);
  } else {
    failed_ = std::move(result).error();
    if (judge_) judge_->cancel();
  }
  to_program_.pipe.read_end.reset();
  to_interactor_.pipe.write_end.reset();
  if (under_way_ == 0) judge();
}

void TestRun::on_interactor(Result<StageResult> result) {
  --under_way_;
  if (result) {
    result_.judge = *std::move(result);
  } else {
    failed_ = std::move(result).error();
    if (stage_) stage_->cancel();
  }
  to_interactor_.pipe.read_end.reset();
  to_program_.pipe.write_end.reset();
  if (under_way_ == 0) judge();
}

void TestRun::judge() {
  // Without a result it was cancelled before it ran.
  if (failed_ || !result_.run) return finish();
  StageResult& run = *result_.run;
  result_.outcome = run.verdict.outcome;
  result_.message = run.verdict.message;
  if (result_.judge) {
    // A program whose interactor has gone may well end badly: that says what it was told.
    const bool was_told = result_.judge->verdict.outcome == Outcome::nonzero_exit;
    if (run.verdict.outcome == Outcome::ok || (was_told && ended_by_itself(run)))
      take_verdict_of_judge();
    return finish();
  }
  if (run.verdict.outcome != Outcome::ok) return finish();
  if (set_.check.kind == CheckKind::program) {
    if (const auto begun = begin_checker(run); !begun) fail(begun.error());
    return;
  }
  if (const auto compared = compare(); !compared) failed_ = compared.error();
  finish();
}

Status TestRun::compare() {
  if (set_.check.kind == CheckKind::none || !test_.answer) return {};
  std::optional<std::string> differs;
  const std::string& output = result_.run->stdout_text.bytes;
  if (test_.answer->file) {
    RETORT_TRY(const Mapping expected, Mapping::of(*test_.answer->file));
    differs = difference(set_.check, output, expected.bytes());
  } else {
    differs = difference(set_.check, output, test_.answer->text);
  }
  if (!differs) return {};
  result_.outcome = Outcome::wrong_answer;
  result_.message = *std::move(differs);
  return {};
}

Status TestRun::begin_checker(StageResult& run) {
  const Built& checker = *programs_.checker;
  const runtime::StageSpec& spec = checker.program.runtime->run;
  std::vector<std::string> args = {"input", "output", "answer"};
  args.insert(args.end(), checker.program.args.begin(), checker.program.args.end());
  Contents contents;
  RETORT_TRY(contents.command, command_for(checker, spec, true, args));
  contents.env = spec.env;
  contents.given = {
      {.name = "input", .input = test_.input},
      {.name = "output", .input = {.text = run.stdout_text.bytes, .file = nullptr}},
      {.name = "answer", .input = test_.answer.value_or(Input{})},
  };
  const keeper::Order order =
      order_for(checker.program.run_limits, spec.add_ons, allow_unenforced_, false);
  auto take = when_bundled([this, order](const Fd& bundle) {
    judge_ = std::make_unique<Stage>(
        means_, "check", order, bundle, StageStreams{}, [this](auto result) {
          on_checked(std::move(result));
        });
  });
  make_bundle_aside(means_.aside, programs_.checker, std::move(contents), std::move(take));
  return {};
}

void TestRun::on_checked(Result<StageResult> result) {
  --under_way_;
  if (!result) {
    failed_ = std::move(result).error();
    return finish();
  }
  result_.judge = *std::move(result);
  take_verdict_of_judge();
  finish();
}

void TestRun::take_verdict_of_judge() {
  const cell::Verdict& verdict = result_.judge->verdict;
  const std::string& name = result_.judge->name;
  result_.message = remark_of(*result_.judge);
  if (verdict.outcome == Outcome::cancelled) {
    result_.outcome = Outcome::cancelled;
  } else if (verdict.outcome == Outcome::ok && verdict.exit_code == kAccepted) {
    result_.outcome = Outcome::ok;
  } else if (verdict.outcome == Outcome::nonzero_exit &&
             (verdict.exit_code == kWrong || verdict.exit_code == kMalformed)) {
    result_.outcome = Outcome::wrong_answer;
    if (result_.message.empty()) result_.message = "the " + name + " says so";
  } else {
    result_.outcome = Outcome::check_error;
    result_.message = "the " + name + " ended with " +
                      std::string(cell::outcome_name(verdict.outcome)) + ": " + verdict.message;
  }
}

void TestRun::finish() {
  if (failed_) return std::exchange(done_, nullptr)(*std::move(failed_));
  for (auto* const stage : {&result_.run, &result_.judge}) {
    if (!*stage) continue;
    (*stage)->stdout_text.shorten(set_.output_kept.bytes());
    (*stage)->stderr_text.shorten(set_.output_kept.bytes());
  }
  std::exchange(done_, nullptr)(std::move(result_));  // may destroy this object
}

}  // namespace retort::job
