// Job: the order of stages, and what goes from one to the next.
#include "job/job.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/bytes.h"
#include "base/clock.h"
#include "cell/bundle.h"
#include "keeper/frames.h"
#include "kernel/files.h"
#include "runtime/command.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

// What every program finds; a manifest adds to it.
const std::map<std::string, std::string> kVariables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                       {"HOME", "/box"},
                                                       {"LANG", "C.UTF-8"},
                                                       {"TMPDIR", "/tmp"}};

// None of these names lies in what is a file itself.
Status check_folders(const std::set<std::string>& files) {
  for (const std::string& name : files) {
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      if (files.contains(name.substr(0, slash))) {
        return Error{Fault::invalid, base::printable(name) + " lies in what is a file itself", 0};
      }
    }
  }
  return {};
}

// No two files of one name, and none that another needs as its folder.
Status check_names(const std::vector<SourceFile>& files) {
  if (files.empty()) return Error{Fault::invalid, "there is no file to run", 0};
  std::set<std::string> names;
  for (const SourceFile& file : files) {
    RETORT_CHECK(runtime::validate_file_name(file.name));
    if (!names.insert(file.name).second) {
      return Error{Fault::invalid, "two files are named " + base::printable(file.name), 0};
    }
  }
  return check_folders(names);
}

Error lost_artefacts() {
  return {Fault::internal,
          "what the compiler made could not be collected; run it again, or see retort doctor",
          0};
}

struct Artefacts {
  std::set<std::string> files;
  std::set<std::string> folders;  // empty ones
};

// The files and folders of a collected bundle, into another one. Returns their names.
Result<Artefacts> copy_artefacts(const Fd& collected, const Fd& out, cell::BundleWriter& writer) {
  if (::lseek(collected.get(), 0, SEEK_SET) != 0) return base::os_error("lseek", "");
  cell::BundleReader reader(collected);
  Artefacts names;
  for (;;) {
    const auto next = reader.next();
    if (!next) return lost_artefacts();
    const cell::RecordStart& record = *next;
    switch (record.kind) {
      case cell::Record::end:
        return names;
      case cell::Record::file:
        names.files.insert(record.name);
        RETORT_CHECK(writer.begin(cell::Record::file, record.name, record.size, record.mode));
        RETORT_CHECK(reader.copy_to(record, out));
        break;
      case cell::Record::directory:
        names.folders.insert(record.name);
        RETORT_CHECK(writer.add(cell::Record::directory, record.name, ""));
        break;
      case cell::Record::refused: {
        RETORT_TRY(const auto why, reader.take_text(record, cell::kLongestWord));
        return Error{Fault::invalid,
                     "the compiler's output " + base::printable(record.name) +
                         " was not taken: " + base::printable(why),
                     0};
      }
      default:
        return Error{Fault::internal, "a collected bundle with a foreign record", 0};
    }
  }
}

}  // namespace

Job::Job(kernel::EventLoop& loop, keeper::Client& client, Submission submission, Done done)
    : loop_(loop),
      client_(client),
      submission_(std::move(submission)),
      done_(std::move(done)),
      started_at_(base::monotonic_now()) {
  result_.has_own_ids = !client_.abilities().single_id;
  Status begun = check_names(submission_.files);
  if (begun) begun = submission_.runtime->compile ? compile() : run(nullptr);
  if (!begun) finish(begun.error());
}

void Job::cancel() {
  cancelled_ = true;
  if (stage_) stage_->cancel();
}

Result<std::vector<std::string>> Job::command_for(const runtime::StageSpec& stage,
                                                  bool is_run) const {
  runtime::CommandInputs inputs{
      .main_file = submission_.files.front().name,
      .files = {},
      .extensions = submission_.runtime->extensions,
      .args = submission_.args,
      .memory = (is_run ? submission_.run_limits : submission_.compile_limits).memory};
  for (const SourceFile& file : submission_.files) inputs.files.push_back(file.name);
  return runtime::expand_command(
      stage.command, is_run ? runtime::StageKind::run : runtime::StageKind::compile, inputs);
}

Result<Fd> Job::make_bundle(const runtime::StageSpec& stage,
                            const std::vector<std::string>& command,
                            const std::vector<std::string>& wanted,
                            const Fd* artefacts) const {
  RETORT_TRY(Fd memory, kernel::make_memory_file("bundle"));
  cell::BundleWriter writer(memory);
  for (const std::string& word : command)
    RETORT_CHECK(writer.add(cell::Record::argument, "", word));
  auto variables = kVariables;
  for (const auto& [name, value] : stage.env) variables[name] = value;
  for (const auto& [name, value] : variables) {
    RETORT_CHECK(writer.add(cell::Record::variable, "", name + "=" + value));
  }
  Artefacts taken;
  if (artefacts != nullptr) {
    RETORT_TRY(taken, copy_artefacts(*artefacts, memory, writer));
  }
  std::set<std::string> names = taken.files;
  for (const SourceFile& file : submission_.files) {
    if (!names.insert(file.name).second) continue;  // the compiler's wins
    if (taken.folders.contains(file.name))
      return Error{
          Fault::invalid, base::printable(file.name) + " is a folder of the compiler's", 0};
    RETORT_CHECK(
        writer.add(cell::Record::file, file.name, file.content, file.executable ? 0755 : 0644));
  }
  RETORT_CHECK(check_folders(names));
  for (const std::string& name : wanted) RETORT_CHECK(writer.add(cell::Record::collect, name, ""));
  RETORT_CHECK(writer.end());
  RETORT_CHECK(kernel::seal(memory));
  return memory;
}

Status Job::compile() {
  const runtime::Compile& compile = *submission_.runtime->compile;
  RETORT_TRY(const auto command, command_for(compile.stage, false));
  RETORT_TRY(const Fd bundle, make_bundle(compile.stage, command, compile.artefacts, nullptr));
  const keeper::Order order{.limits = submission_.compile_limits,
                            .add_ons = compile.stage.add_ons,
                            .allow_unenforced = submission_.allow_unenforced,
                            .collect = true,
                            .collect_bytes = submission_.compile_limits.disk.bytes(),
                            .collect_entries = keeper::kMostCollectedEntries};
  stage_ = std::make_unique<Stage>(
      loop_, client_, "compile", order, bundle, StageStreams{}, [this](auto result) {
        on_compiled(std::move(result));
      });
  return {};
}

void Job::on_compiled(Result<StageResult> result) {
  if (!result) return finish(result.error());
  using cell::Outcome;
  cell::Verdict& verdict = result->verdict;
  if (verdict.outcome == Outcome::nonzero_exit || verdict.outcome == Outcome::signaled) {
    verdict.outcome = Outcome::compile_error;
  }
  // A flood of diagnostics is cut, flagged, and no reason to refuse a program that compiled.
  if (verdict.outcome == Outcome::output_limit && verdict.exit_code == 0)
    verdict.outcome = Outcome::ok;
  if (verdict.outcome == Outcome::output_limit) verdict.outcome = Outcome::compile_error;
  const bool ok = verdict.outcome == Outcome::ok;
  result_.outcome = verdict.outcome;
  if (!ok) result_.message = "compile: " + verdict.message;
  const Fd collected = std::move(result->collected);
  result_.stages.push_back(*std::move(result));
  if (!ok || cancelled_) {
    if (cancelled_) result_.outcome = Outcome::cancelled;
    return finish(std::move(result_));
  }
  if (submission_.on_compiled) submission_.on_compiled(result_.stages.back());
  if (result_.stages.back().facts.collection_lost) return finish(lost_artefacts());
  if (auto started = run(&collected); !started) {
    if (started.error().fault != Fault::invalid) return finish(started.error());
    result_.outcome = Outcome::compile_error;
    result_.message = "compile: " + started.error().what;
    result_.stages.back().verdict.outcome = Outcome::compile_error;
    result_.stages.back().verdict.message = started.error().what;
    finish(std::move(result_));
  }
}

Status Job::run(const Fd* artefacts) {
  const runtime::StageSpec& stage = submission_.runtime->run;
  RETORT_TRY(const auto command, command_for(stage, true));
  const std::vector<std::string> wanted =
      submission_.collect_files ? std::vector<std::string>{"."} : std::vector<std::string>{};
  RETORT_TRY(const Fd bundle, make_bundle(stage, command, wanted, artefacts));
  const keeper::Order order{.limits = submission_.run_limits,
                            .add_ons = stage.add_ons,
                            .allow_unenforced = submission_.allow_unenforced,
                            .collect = submission_.collect_files,
                            .collect_bytes = submission_.run_limits.disk.bytes(),
                            .collect_entries = keeper::kMostCollectedEntries};
  // The finished stage, if there is one, is still on the stack: it goes when the next one has
  // begun.
  auto next = std::make_unique<Stage>(
      loop_, client_, "run", order, bundle, submission_.streams, [this](auto result) {
        on_run(std::move(result));
      });
  stage_.swap(next);
  return {};
}

void Job::on_run(Result<StageResult> result) {
  if (!result) return finish(result.error());
  result_.outcome = result->verdict.outcome;
  result_.message = result->verdict.message;
  result_.files = std::move(result->collected);
  result_.stages.push_back(*std::move(result));
  finish(std::move(result_));
}

void Job::finish(Result<JobResult> result) {
  if (result) result->total = base::monotonic_now() - started_at_;
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
