// Workbench: set-up that commands share.
#include "cli/workbench.h"

#include <cstdlib>
#include <optional>
#include <sstream>

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

Result<Workbench> Workbench::open(int interrupt) {
  Workbench bench;
  bench.interrupt = interrupt;
  RETORT_TRY(bench.loop, kernel::EventLoop::create());
  RETORT_TRY(bench.keeper, keeper::Client::start(*bench.loop, interrupt));
  return bench;
}

Result<job::JobResult> Workbench::run(job::Submission submission) {
  std::optional<Result<job::JobResult>> result;
  const job::Means means{.loop = *loop, .keeper = *keeper};
  job::Job job(means, std::move(submission), [&](Result<job::JobResult> ended) {
    result.emplace(std::move(ended));
    loop->stop();
  });
  job.start();
  if (interrupt >= 0) {
    RETORT_CHECK(loop->watch(interrupt, EPOLLIN, [&](auto) {
      loop->forget(interrupt);  // it stays readable
      job.cancel();
    }));
  }
  if (!result) RETORT_CHECK(loop->run());
  loop->forget(interrupt);
  return *std::move(result);
}

Result<runtime::Catalogue> load_catalogue() {
  std::vector<std::string> folders;
  const char* chosen = std::getenv("RETORT_RUNTIMES");
  std::istringstream list(chosen != nullptr ? chosen : RETORT_RUNTIMES_FOLDER);
  for (std::string folder; std::getline(list, folder, ':');) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return runtime::Catalogue::load(folders);
}

Result<std::string> find_version(Workbench& bench, const runtime::Manifest& manifest) {
  if (manifest.version_command.empty()) return std::string();
  // The version command as a runtime of its own: the same cell, the same limits, no files that
  // matter.
  runtime::Manifest asker;
  asker.id = manifest.id;
  asker.run = manifest.run;
  asker.run.command = manifest.version_command;
  job::Submission submission;
  submission.program.runtime = &asker;
  submission.program.files = {{.name = "none", .content = ""}};
  submission.program.run_limits = asker.run.limits;
  submission.allow_unenforced = UINT32_MAX;
  RETORT_TRY(const auto result, bench.run(std::move(submission)));
  if (result.outcome != cell::Outcome::ok) {
    return Error{Fault::internal, manifest.id + ": version_command: " + result.message, 0};
  }
  const job::StageResult& stage = result.stages.front();
  // Java's tools say it on stderr.
  return runtime::version_in(stage.stdout_text.bytes + stage.stderr_text.bytes);
}

Status apply_limits(cell::Limits& limits,
                    const std::vector<std::string>& settings,
                    std::string_view option) {
  std::string faults;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const Status set =
        equals == std::string::npos
            ? Status(Error{
                  Fault::invalid, "'" + setting + "' is not NAME=VALUE, as in cpu_time=2s", 0})
            : cell::set_limit(limits, setting.substr(0, equals), setting.substr(equals + 1));
    if (!set)
      faults.append(faults.empty() ? "" : "; ").append(option).append(" ").append(set.error().what);
  }
  if (!faults.empty()) return Error{Fault::invalid, faults, 0};
  return {};
}

}  // namespace retort::cli
