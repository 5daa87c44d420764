// Bench bare: what a cell is compared with, the same commands as plain children of this process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/bench_cases.h"
#include "runtime/command.h"
#include "runtime/manifest.h"

namespace retort::cli {

// The same commands with the same variables as plain children of this process, in a folder of their
// own that goes with this object.
class BareTwin {
 public:
  // `bench_case` must outlive it. `variables` are those of a cell; the manifest's go over them.
  static base::Result<std::unique_ptr<BareTwin>> prepare(const BenchCase& bench_case,
                                                         const std::vector<std::string>& variables);
  BareTwin(const BareTwin&) = delete;
  BareTwin& operator=(const BareTwin&) = delete;
  ~BareTwin();

  // From before the first spawn to the end of the last stage and of its output.
  base::Result<Sample> run();

 private:
  struct Stage {
    std::vector<std::string> arguments;
    std::vector<std::string> variables;
  };

  BareTwin(const BenchCase& bench_case, std::string folder)
      : case_(bench_case), folder_(std::move(folder)) {}
  base::Status add(const runtime::StageSpec& spec,
                   runtime::StageKind kind,
                   const std::vector<std::string>& variables);

  const BenchCase& case_;
  std::string folder_;
  std::vector<Stage> stages_;
};

}  // namespace retort::cli
