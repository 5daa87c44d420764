// retort run: a program from files of this machine, in a cell, with this terminal's streams.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/sources.h"
#include "cli/unenforced.h"
#include "cli/workbench.h"
#include "job/output_files.h"
#include "job/report.h"
#include "kernel/files.h"
#include "runtime/command.h"
#include "text/json.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

namespace fs = std::filesystem;

// Of a folder's files the main one comes first: named as the manifest's, or the only one of its
// language.
Status put_main_first(std::vector<job::SourceFile>& sources,
                      const runtime::Manifest& manifest,
                      bool from_folder) {
  if (!from_folder) return {};
  auto main = std::ranges::find(sources, manifest.main, &job::SourceFile::name);
  if (main == sources.end()) {
    const auto is_source = [&](const job::SourceFile& file) {
      return std::ranges::count(manifest.extensions, runtime::extension_of(file.name)) > 0;
    };
    if (std::ranges::count_if(sources, is_source) == 1)
      main = std::ranges::find_if(sources, is_source);
  }
  if (main == sources.end()) {
    return Error{
        Fault::invalid,
        "the folder has no file named " + manifest.main + ", where " + manifest.name + " begins",
        0};
  }
  std::rotate(sources.begin(), main, main + 1);
  return {};
}

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

// SIGINT and its like as something to wait for.
Result<Fd> watch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const int number = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (number < 0) return base::os_error("signalfd", "");
  return Fd(number);
}

int exit_code_of(const job::JobResult& result, int caught_signal) {
  using cell::Outcome;
  if (caught_signal != 0) return kSignalBase + caught_signal;
  const auto& verdict = result.stages.back().verdict;
  switch (result.outcome) {
    case Outcome::cpu_time_limit:
    case Outcome::wall_time_limit:
      return kTimeLimit;
    case Outcome::memory_limit:
      return kMemoryLimit;
    case Outcome::output_limit:
    case Outcome::disk_limit:
      return kOutputLimit;
    case Outcome::compile_error:
      return kCompileError;
    case Outcome::start_error:
    case Outcome::internal_error:
    case Outcome::cancelled:
      return kFailed;
    default:
      break;
  }
  if (verdict.signal) return kSignalBase + *verdict.signal;
  return verdict.exit_code.value_or(kFailed);
}

// The compiler's diagnostics to stderr, ahead of what the program will print there. A signal ends
// the writing, not us: a reader that does not read must not keep Ctrl-C from ending the job.
void tell_diagnostics(std::string_view text, const Fd& signals) {
  while (!text.empty()) {
    std::array<pollfd, 2> ends = {pollfd{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0},
                                  pollfd{.fd = signals.get(), .events = POLLIN, .revents = 0}};
    if (::poll(ends.data(), ends.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (ends[1].revents != 0) return;
    // A pipe that is ready takes this much without waiting.
    const ssize_t count =
        ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count < 0 && errno != EINTR && errno != EAGAIN) return;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

// What a compiler that failed printed, and one line on what stopped the program, to stderr; stdout
// is the program's.
void tell(const job::JobResult& result, bool has_told_diagnostics) {
  const job::StageResult& last = result.stages.back();
  if (last.name == "compile" && !has_told_diagnostics) {
    std::fwrite(last.stderr_text.bytes.data(), 1, last.stderr_text.bytes.size(), stderr);
    std::fwrite(last.stdout_text.bytes.data(), 1, last.stdout_text.bytes.size(), stderr);
  }
  if (result.outcome != cell::Outcome::ok && result.outcome != cell::Outcome::nonzero_exit) {
    std::fprintf(stderr,
                 "retort: %s: %s\n",
                 std::string(cell::outcome_name(result.outcome)).c_str(),
                 result.message.c_str());
  }
}

// Output that could not be passed on is not lost in silence. A reader that left (EPIPE) wanted no
// more.
Status check_sinks(const job::StageResult& stage) {
  for (const auto& [error, name] :
       {std::pair{stage.stdout_error, "stdout"}, {stage.stderr_error, "stderr"}}) {
    if (error != 0 && error != EPIPE && error != ECANCELED)
      return base::os_error("write the program's", name, error);
  }
  return {};
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
  std::error_code error;
  const bool from_folder = fs::is_directory(options.files.front(), error);
  RETORT_CHECK(put_main_first(submission.program.files, manifest, from_folder));
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
    RETORT_CHECK(kernel::make_directory(AT_FDCWD, options.output_folder, 0777));
    RETORT_TRY(prepared.output_folder,
               kernel::open_at(AT_FDCWD, options.output_folder, O_PATH | O_DIRECTORY));
  }
  submission.streams.stdin_source = 0;
  if (!options.stdin_file.empty()) {
    RETORT_TRY(prepared.stdin_file, kernel::open_at(AT_FDCWD, options.stdin_file, O_RDONLY));
    if (fs::is_directory(options.stdin_file, error)) {
      return Error{Fault::invalid, "--stdin " + options.stdin_file + " is a folder", 0};
    }
    submission.streams.stdin_source = prepared.stdin_file.get();
  }
  if (!options.json) {
    submission.streams.stdout_sink = 1;
    submission.streams.stderr_sink = 2;
  }
  return prepared;
}

// Is it the command line's fault that there is nothing to run? Until the keeper starts, what is
// opened is what the user named; that the system refuses it to him (EACCES) is another matter.
bool is_typed_wrong(const Error& error) {
  constexpr std::array kNoSuchFile = {ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, ENXIO, EEXIST};
  return error.fault == Fault::invalid || error.fault == Fault::not_found ||
         std::ranges::count(kNoSuchFile, error.os_errno) > 0;
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

// The signal that came, or 0.
int take_signal(const Fd& signals) {
  signalfd_siginfo info{};
  if (::read(signals.get(), &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
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
  // From here on a signal ends us as it ends any program: the reader of the result may take for
  // ever.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  RETORT_TRY(job::JobResult result, *std::move(ended));

  std::vector<job::OutputFile> files;
  if (result.files.is_open()) {
    files = job::write_output_files(result.files, prepared.output_folder);
  }
  if (options.json) {
    std::puts(text::pretty(job::to_json(result, manifest.id, files)).c_str());
    if (std::fflush(stdout) != 0) return base::os_error("write", "the result");
    if (caught != 0) return kSignalBase + caught;
    return result.outcome == cell::Outcome::internal_error ? kFailed : 0;
  }
  tell(result, has_told_diagnostics);
  for (const job::OutputFile& file : files) {
    if (!file.refused.empty()) {
      std::fprintf(stderr,
                   "retort: %s was not collected: %s\n",
                   base::printable(file.name).c_str(),
                   file.refused.c_str());
    }
  }
  RETORT_CHECK(check_sinks(result.stages.back()));
  return exit_code_of(result, caught);
}

}  // namespace

int run(const RunOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  auto prepared = prepare(options, *catalogue);
  if (!prepared) {
    return complain(prepared.error(), is_typed_wrong(prepared.error()) ? kUsage : kFailed);
  }
  const auto code = run_prepared(options, *std::move(prepared));
  return code ? *code
              : complain(code.error(), code.error().fault == Fault::invalid ? kUsage : kFailed);
}

}  // namespace retort::cli
