// Job: one submission and how it ended. Compile, then run, each in a cell of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cell/limits.h"
#include "job/stage.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "runtime/manifest.h"

namespace retort::job {

struct SourceFile {
  std::string name;  // relative, as validate_file_name wants it
  std::string content;
  bool executable = false;
};

struct Submission {
  const runtime::Manifest* runtime = nullptr;
  std::vector<SourceFile> files;  // the first is the main file
  std::vector<std::string> args;
  cell::Limits compile_limits;
  cell::Limits run_limits;
  std::uint32_t allow_unenforced = 0;
  bool collect_files = false;  // what the run stage wrote
  StageStreams streams;        // of the run stage; compilers are captured
  // Told of a compile stage that succeeded, before the run stage begins.
  std::function<void(const StageResult&)> on_compiled;
};

struct JobResult {
  cell::Outcome outcome = cell::Outcome::internal_error;
  std::string message;
  std::vector<StageResult> stages;
  bool has_own_ids = true;  // cells have user ids that nobody else has
  base::Duration total{};   // from start to here
  // What the run stage wrote and was collected, as a bundle; see output_files.h.
  base::Fd files;
};

class Job {
 public:
  using Done = std::function<void(base::Result<JobResult>)>;

  // Starts at once. An Error means that the job did not take place: a bad file name, a limit that
  // cannot be enforced, a keeper that died. `done` is called once, from the loop, or by the
  // constructor itself when it is wrong at once.
  Job(kernel::EventLoop& loop, keeper::Client& client, Submission submission, Done done);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Ends it; `done` follows with the outcome `cancelled`.
  void cancel();
  [[nodiscard]] const Submission& submission() const { return submission_; }

 private:
  base::Status compile();
  base::Status run(const base::Fd* artefacts);
  base::Result<base::Fd> make_bundle(const runtime::StageSpec& stage,
                                     const std::vector<std::string>& command,
                                     const std::vector<std::string>& wanted,
                                     const base::Fd* artefacts) const;
  base::Result<std::vector<std::string>> command_for(const runtime::StageSpec& stage,
                                                     bool is_run) const;
  void on_compiled(base::Result<StageResult> result);
  void on_run(base::Result<StageResult> result);
  void finish(base::Result<JobResult> result);

  kernel::EventLoop& loop_;
  keeper::Client& client_;
  Submission submission_;
  Done done_;
  base::Duration started_at_;
  bool cancelled_ = false;
  JobResult result_;
  std::unique_ptr<Stage> stage_;
};

}  // namespace retort::job
