// Build: each step ends in a callback that begins the next.
#include "job/build.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "job/artefact_file.h"
#include "keeper/frames.h"
#include "runtime/command.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;
using cell::Outcome;

namespace {

constexpr const char* kArchive = "archive";
constexpr const char* kUnpacked = "files";

// It refuses paths that lead out, and runs in a cell all the same.
const runtime::StageSpec& unpacker() {
  static const runtime::StageSpec kStage = [] {
    runtime::StageSpec spec;
    spec.command = {kUnpacker,
                    "--extract",
                    "--no-same-owner",
                    "--no-same-permissions",
                    "--no-xattrs",
                    "--no-acls",
                    "--file",
                    kArchive,
                    "--directory",
                    kUnpacked};
    return spec;
  }();
  return kStage;
}

}  // namespace

bool can_unpack() {
  return ::access(kUnpacker, X_OK) == 0;
}

keeper::Order order_for(const cell::Limits& limits,
                        std::uint32_t add_ons,
                        std::uint32_t allow_unenforced,
                        bool collect) {
  return {.limits = limits,
          .add_ons = add_ons,
          .allow_unenforced = allow_unenforced,
          .collect = collect,
          .collect_bytes = limits.disk.bytes(),
          .collect_entries = keeper::kMostCollectedEntries};
}

Result<std::vector<std::string>> command_for(const Built& built,
                                             const runtime::StageSpec& stage,
                                             bool is_run,
                                             const std::vector<std::string>& args) {
  const Program& program = built.program;
  const runtime::CommandInputs inputs{
      .main_file = built.main_file,
      .files = built.names,
      .extensions = program.runtime->extensions,
      .args = args,
      .memory = (is_run ? program.run_limits : program.compile_limits).memory};
  return runtime::expand_command(
      stage.command, is_run ? runtime::StageKind::run : runtime::StageKind::compile, inputs);
}

Build::Build(const Means& means, Program program, Settings settings, OnStage on_stage, Done done)
    : means_(means),
      settings_(std::move(settings)),
      on_stage_(std::move(on_stage)),
      done_(std::move(done)) {
  built_.program = std::move(program);
}

void Build::start() {
  Status begun;
  if (built_.program.archive) {
    begun = unpack();
  } else {
    begun = choose_files({});
    if (begun && built_.program.runtime->compile) {
      begun = compile();
    } else if (begun) {
      result_.outcome = Outcome::ok;
      result_.built = std::move(built_);
      return finish(std::move(result_));
    }
  }
  if (!begun) finish(begun.error());
}

void Build::cancel() {
  cancelled_ = true;
  if (stage_) return stage_->cancel();
  claim_.let_go();
  result_.outcome = Outcome::cancelled;
  if (done_) finish(std::move(result_));
}

void Build::run_stage(const std::string& name,
                      const keeper::Order& order,
                      const Fd& bundle,
                      Stage::Done done) {
  // The finished stage, if there is one, is still on the stack: it goes when the next one has
  // begun.
  auto next = std::make_unique<Stage>(
      means_, name + settings_.suffix, order, bundle, StageStreams{}, std::move(done));
  stage_.swap(next);
}

// The program's files are to blame.
void Build::fail(std::string_view stage, const Error& error) {
  if (error.fault != Fault::invalid) return finish(error);
  result_.outcome = Outcome::compile_error;
  result_.message = std::string(stage) + settings_.suffix + ": " + error.what;
  if (!result_.stages.empty()) {
    result_.stages.back().verdict.outcome = Outcome::compile_error;
    result_.stages.back().verdict.message = error.what;
  }
  finish(std::move(result_));
}

Status Build::unpack() {
  const Contents contents{.command = unpacker().command,
                          .env = {},
                          .wanted = {kUnpacked},
                          .given = {{.name = kArchive, .input = *built_.program.archive}},
                          .folders = {kUnpacked}};
  RETORT_TRY(const Fd bundle, make_bundle(Built{}, contents));
  run_stage("unpack",
            order_for(built_.program.compile_limits, 0, settings_.allow_unenforced, true),
            bundle,
            [this](auto result) { on_unpacked(std::move(result)); });
  return {};
}

void Build::on_unpacked(Result<StageResult> result) {
  if (!result) return finish(result.error());
  cell::Verdict& verdict = result->verdict;
  // An archive that cannot be read is a fault of the sources.
  if (verdict.outcome == Outcome::nonzero_exit) verdict.outcome = Outcome::compile_error;
  const Fd collected = std::move(result->collected);
  const bool lost = result->facts.collection_lost;
  result_.outcome = verdict.outcome;
  if (verdict.outcome != Outcome::ok) result_.message = "unpack: " + verdict.message;
  result_.stages.push_back(*std::move(result));
  if (on_stage_) on_stage_(result_.stages.back());
  if (cancelled_) result_.outcome = Outcome::cancelled;
  if (result_.outcome != Outcome::ok) return finish(std::move(result_));
  if (lost) {
    return finish(Error{Fault::internal, "what was unpacked could not be collected", 0});
  }
  const auto refused = names_in(collected);
  if (!refused) return fail("unpack", refused.error());
  auto files = without_folder(collected, kUnpacked);
  if (!files) return finish(files.error());
  built_.unpacked = std::make_shared<const Fd>(*std::move(files));
  const auto names = names_in(*built_.unpacked);
  if (!names) return finish(names.error());
  if (const auto chosen = choose_files(*names); !chosen) return fail("unpack", chosen.error());
  if (!built_.program.runtime->compile) {
    result_.built = std::move(built_);
    return finish(std::move(result_));
  }
  if (const auto begun = compile(); !begun) fail("compile", begun.error());
}

// All names, the main file's first.
Status Build::choose_files(const std::vector<std::string>& unpacked) {
  const Program& program = built_.program;
  std::vector<std::string>& names = built_.names;
  for (const SourceFile& file : program.files) names.push_back(file.name);
  RETORT_CHECK(names.empty() ? Status() : check_names(names));
  for (const std::string& name : unpacked) {
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  }
  RETORT_CHECK(check_names(names));
  std::string main = program.main;
  if (main.empty() && !program.files.empty()) main = program.files.front().name;
  if (main.empty()) main = program.runtime->main;
  auto found = std::ranges::find(names, main);
  if (found == names.end() && program.main.empty()) {
    const auto is_source = [&](const std::string& name) {
      return std::ranges::count(program.runtime->extensions, runtime::extension_of(name)) > 0;
    };
    if (std::ranges::count_if(names, is_source) == 1)
      found = std::ranges::find_if(names, is_source);
  }
  if (found == names.end()) {
    return Error{Fault::invalid, "there is no file " + base::printable(main) + " to begin with", 0};
  }
  built_.main_file = *found;
  std::rotate(names.begin(), found, found + 1);
  return {};
}

Status Build::compile() {
  const runtime::Compile& compile = *built_.program.runtime->compile;
  RETORT_TRY(auto command, command_for(built_, compile.stage, false, {}));
  contents_ = {.command = std::move(command),
               .env = compile.stage.env,
               .wanted = compile.artefacts,
               .given = {},
               .folders = {}};
  if (means_.cache == nullptr) return begin_compiler();
  RETORT_TRY(const std::string key,
             compile_key(built_, contents_, compile.stage.add_ons, settings_.cache_scope));
  // The unpacking stage has ended, and must not be taken for one that can be cancelled.
  const auto ended = std::exchange(stage_, nullptr);
  claim_ = means_.cache->look(key, [this](auto entry) { on_cache(std::move(entry)); });
  return {};
}

void Build::on_cache(std::optional<Fd> entry) {
  if (entry) {
    if (auto stage = read_artefact_file(*entry)) {
      stage->name = "compile" + settings_.suffix;
      stage->limits = built_.program.compile_limits;
      claim_.let_go();
      result_.outcome = Outcome::ok;
      built_.artefacts = std::make_shared<const Fd>(*std::move(entry));
      result_.stages.push_back(*std::move(stage));
      if (on_stage_) on_stage_(result_.stages.back());
      result_.built = std::move(built_);
      return finish(std::move(result_));
    }
  }
  if (const auto begun = begin_compiler(); !begun) fail("compile", begun.error());
}

Status Build::begin_compiler() {
  const runtime::Compile& compile = *built_.program.runtime->compile;
  RETORT_TRY(const Fd bundle, make_bundle(built_, contents_));
  run_stage(
      "compile",
      order_for(
          built_.program.compile_limits, compile.stage.add_ons, settings_.allow_unenforced, true),
      bundle,
      [this](auto result) { on_compiled(std::move(result)); });
  return {};
}

void Build::on_compiled(Result<StageResult> result) {
  if (!result) return finish(result.error());
  cell::Verdict& verdict = result->verdict;
  if (verdict.outcome == Outcome::nonzero_exit || verdict.outcome == Outcome::signaled)
    verdict.outcome = Outcome::compile_error;
  // A flood of diagnostics is cut, flagged, and no reason to refuse a program that compiled; unless
  // it was ended so late that what was made is lost.
  if (verdict.outcome == Outcome::output_limit) {
    const bool is_made = verdict.exit_code == 0 && !result->facts.collection_lost;
    verdict.outcome = is_made ? Outcome::ok : Outcome::compile_error;
  }
  result_.outcome = verdict.outcome;
  if (verdict.outcome != Outcome::ok)
    result_.message = "compile" + settings_.suffix + ": " + verdict.message;
  result_.stages.push_back(*std::move(result));
  if (on_stage_) on_stage_(result_.stages.back());
  if (cancelled_) result_.outcome = Outcome::cancelled;
  if (result_.outcome != Outcome::ok) {
    if (!cancelled_) claim_.fail();
    return finish(std::move(result_));
  }
  if (const auto kept = keep_artefacts(result_.stages.back()); !kept)
    return fail("compile", kept.error());
  result_.built = std::move(built_);
  finish(std::move(result_));
}

Status Build::keep_artefacts(StageResult& stage) {
  Fd collected = std::move(stage.collected);
  if (stage.facts.collection_lost) {
    return Error{
        Fault::internal,
        "what the compiler made could not be collected; run it again, or see retort doctor",
        0};
  }
  const auto names = names_in(collected);
  if (!names) return names.error().within("the compiler's output");
  if (means_.cache != nullptr) {
    RETORT_TRY(Fd file, make_artefact_file(collected, stage));
    claim_.publish(file);
    collected = std::move(file);
  }
  built_.artefacts = std::make_shared<const Fd>(std::move(collected));
  return {};
}

void Build::finish(Result<BuildResult> result) {
  claim_.let_go();
  std::exchange(done_, nullptr)(std::move(result));  // may destroy this object
}

}  // namespace retort::job
