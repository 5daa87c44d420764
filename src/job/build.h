// Build: from a submitted program to one that can be run any number of times: unpack, compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cell/verdict.h"
#include "job/compile_cache.h"
#include "job/contents.h"
#include "job/stage.h"
#include "job/submission.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"

namespace retort::job {

// libarchive's tar, of the host's image: it knows zip and every tar.
inline constexpr const char* kUnpacker = "/usr/bin/bsdtar";
// Is it there? Without it a program that comes as an archive cannot be built.
bool can_unpack();

struct BuildResult {
  std::optional<Built> built;  // none: the program cannot be run, for the reason below
  cell::Outcome outcome = cell::Outcome::internal_error;
  std::string message;
  std::vector<StageResult> stages;  // that took place, or were found in the cache
};

class Build {
 public:
  using Done = std::function<void(base::Result<BuildResult>)>;
  using OnStage = std::function<void(const StageResult&)>;

  struct Settings {
    std::string suffix;  // of the stages' names: "", "_checker"
    std::uint32_t allow_unenforced = 0;
    std::string cache_scope;
  };

  // Starts at once. An Error means that the job did not take place: a bad file name, a keeper that
  // died. `done` is called once, from the loop, or by `start` itself when all is known at once.
  Build(const Means& means, Program program, Settings settings, OnStage on_stage, Done done);
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;

  void start();
  // `done` follows with the outcome `cancelled`.
  void cancel();

 private:
  base::Status unpack();
  void on_unpacked(base::Result<StageResult> result);
  base::Status choose_files(const std::vector<std::string>& unpacked);
  base::Status compile();
  base::Status begin_compiler();
  void on_cache(std::optional<base::Fd> entry);
  void on_compiled(base::Result<StageResult> result);
  base::Status keep_artefacts(StageResult& stage);
  void run_stage(const std::string& name,
                 const keeper::Order& order,
                 const base::Fd& bundle,
                 Stage::Done done);
  void fail(std::string_view stage, const base::Error& error);
  void finish(base::Result<BuildResult> result);

  Means means_;
  Settings settings_;
  OnStage on_stage_;
  Done done_;
  Built built_;
  Contents contents_;  // of the compile stage
  BuildResult result_;
  std::unique_ptr<Stage> stage_;
  CompileCache::Claim claim_;
  bool cancelled_ = false;
};

// The keeper's order for a stage of a program.
keeper::Order order_for(const cell::Limits& limits,
                        std::uint32_t add_ons,
                        std::uint32_t allow_unenforced,
                        bool collect);

// A stage's argument vector for this program.
base::Result<std::vector<std::string>> command_for(const Built& built,
                                                   const runtime::StageSpec& stage,
                                                   bool is_run,
                                                   const std::vector<std::string>& args);

}  // namespace retort::job
