// retort run: a program from files of this machine, in a cell, with this terminal's streams.
#include <cstdio>
#include <optional>

#include "cli/commands.h"
#include "cli/outcome.h"
#include "cli/remote.h"
#include "cli/sources.h"
#include "cli/unenforced.h"
#include "cli/workbench.h"
#include "job/output_files.h"
#include "job/report.h"
#include "text/json.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

Result<const runtime::CatalogueEntry*> choose_runtime(const runtime::Catalogue& catalogue,
                                                      const RunOptions& options,
                                                      const std::vector<job::SourceFile>& sources) {
  if (!options.language.empty()) {
    RETORT_TRY(const auto request, runtime::parse_language(options.language));
    return catalogue.find(request.name);
  }
  for (const job::SourceFile& source : sources) {
    if (auto found = catalogue.find_by_file(source.name)) return found;
  }
  RETORT_CHECK(catalogue.find_by_file(sources.front().name));
  return Error{Fault::internal, "no runtime", 0};
}

Status check_version(Workbench& bench,
                     const RunOptions& options,
                     const runtime::Manifest& manifest) {
  if (options.language.empty()) return {};
  RETORT_TRY(const auto request, runtime::parse_language(options.language));
  if (request.version.empty()) return {};
  RETORT_TRY(const auto version, find_version(bench, manifest));
  if (runtime::is_version_match(version, request.version)) return {};
  return Error{Fault::invalid,
               manifest.id + " is here in version " + version + ", not " + request.version,
               0};
}

struct Prepared {
  job::Submission submission;
  const runtime::CatalogueEntry* entry = nullptr;
  Fd stdin_file;
  Fd output_folder;
};

Result<Prepared> prepare(const RunOptions& options, const runtime::Catalogue& catalogue) {
  Prepared prepared;
  job::Submission& submission = prepared.submission;
  RETORT_TRY(submission.program.files, read_sources(options.files));
  RETORT_TRY(prepared.entry, choose_runtime(catalogue, options, submission.program.files));
  const runtime::Manifest& manifest = prepared.entry->manifest;
  if (!prepared.entry->is_available()) return prepared.entry->refusal();
  if (is_folder(options.files.front())) {
    const MainFile wanted{
        .name = manifest.main, .extensions = manifest.extensions, .language = manifest.name};
    RETORT_CHECK(put_main_first(submission.program.files, wanted));
  }
  submission.program.runtime = &manifest;
  submission.program.args = options.args;
  submission.program.run_limits = manifest.run.limits;
  RETORT_CHECK(apply_limits(submission.program.run_limits, options.limits, "--limit"));
  submission.program.compile_limits =
      manifest.compile ? manifest.compile->stage.limits : cell::compile_defaults();
  RETORT_CHECK(
      apply_limits(submission.program.compile_limits, options.compile_limits, "--compile-limit"));
  RETORT_TRY(submission.allow_unenforced, parse_unenforced(options.allow_unenforced));
  if (!options.output_folder.empty()) {
    submission.collect = {"."};
    RETORT_TRY(prepared.output_folder, open_output_folder(options.output_folder));
  }
  submission.streams.stdin_source = 0;
  if (!options.stdin_file.empty()) {
    RETORT_TRY(prepared.stdin_file, open_stdin_file(options.stdin_file));
    submission.streams.stdin_source = prepared.stdin_file.get();
  }
  if (!options.json) {
    submission.streams.stdout_sink = 1;
    submission.streams.stderr_sink = 2;
  }
  return prepared;
}

// A keeper that can run what is prepared.
Result<Workbench> open_bench(const Fd& signals,
                             const RunOptions& options,
                             const Prepared& prepared) {
  RETORT_TRY(Workbench bench, Workbench::open(signals.get()));
  RETORT_CHECK(check_enforceable(bench.keeper->abilities(), prepared.submission.allow_unenforced));
  RETORT_CHECK(check_version(bench, options, prepared.entry->manifest));
  return bench;
}

Result<int> run_prepared(const RunOptions& options, Prepared prepared) {
  RETORT_TRY(const Fd signals, watch_signals());
  auto opened = open_bench(signals, options, prepared);
  if (const int early = take_signal(signals); early != 0) return kSignalBase + early;
  RETORT_TRY(Workbench bench, std::move(opened));
  const runtime::Manifest& manifest = prepared.entry->manifest;

  if (bench.keeper->abilities().single_id && !options.json) {
    std::fputs(
        "retort: note: the program runs under your own user id, with your quotas and keys: you "
        "have "
        "no subordinate ids to give it, or no newuidmap (package uidmap, then usermod "
        "--add-subuids FIRST-LAST --add-subgids FIRST-LAST USER; retort doctor says which)\n",
        stderr);
  }
  bool has_told_diagnostics = false;
  if (!options.json) {
    prepared.submission.on_stage = [&](const job::StageResult& stage) {
      if (stage.verdict.outcome != cell::Outcome::ok) return;
      tell_diagnostics(stage.stderr_text.bytes, signals);
      has_told_diagnostics = true;
    };
  }

  std::optional<Result<job::JobResult>> ended;
  const job::Means means{.loop = *bench.loop, .keeper = *bench.keeper};
  job::Job job(means, std::move(prepared.submission), [&](Result<job::JobResult> result) {
    ended.emplace(std::move(result));
    bench.loop->stop();
  });
  job.start();
  int caught = 0;
  RETORT_CHECK(bench.loop->watch(signals.get(), EPOLLIN, [&](auto) {
    caught = take_signal(signals);
    if (caught != 0) job.cancel();
  }));
  if (!ended) RETORT_CHECK(bench.loop->run());
  bench.loop->forget(signals.get());
  release_signals();
  RETORT_TRY(job::JobResult result, *std::move(ended));

  std::vector<job::OutputFile> files;
  if (result.files.is_open()) {
    files = job::write_output_files(result.files, prepared.output_folder);
  }
  if (options.json) {
    std::puts(text::pretty(job::to_json(result, manifest.id, files)).c_str());
    if (std::fflush(stdout) != 0) return base::os_error("write", "the result");
    return exit_code_with_json(result, caught);
  }
  tell_outcome(result, has_told_diagnostics);
  tell_refused(files);
  RETORT_CHECK(check_sinks(result.stages.back()));
  return exit_code_of(result, caught);
}

}  // namespace

int run(const RunOptions& options) {
  if (const std::string host = host_of(options); !host.empty()) return run_remote(options, host);
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  auto prepared = prepare(options, *catalogue);
  if (!prepared) return complain(prepared.error(), exit_code_before(prepared.error()));
  const auto code = run_prepared(options, *std::move(prepared));
  return code ? *code
              : complain(code.error(), code.error().fault == Fault::invalid ? kUsage : kFailed);
}

}  // namespace retort::cli
