// Workbench: what every command that runs jobs needs: a loop, a keeper, the catalogue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "job/job.h"
#include "keeper/client.h"
#include "kernel/event_loop.h"
#include "runtime/catalogue.h"

namespace retort::cli {

struct Workbench {
  std::unique_ptr<kernel::EventLoop> loop;
  std::unique_ptr<keeper::Client> keeper;

  int interrupt = -1;

  // When the descriptor `interrupt` becomes readable, opening fails and `run` cancels its job;
  // nothing is read from it.
  static base::Result<Workbench> open(int interrupt = -1);
  // Runs one job to its end.
  base::Result<job::JobResult> run(job::Submission submission);
};

// The folders of runtimes: $RETORT_RUNTIMES (separated by ':'), else the ones that came with this
// program.
base::Result<runtime::Catalogue> load_catalogue();

// The version that a runtime's own program states, found in a cell; empty when it has no
// version_command.
base::Result<std::string> find_version(Workbench& bench, const runtime::Manifest& manifest);

// Sets "name=value" texts over `limits`; every fault at once.
base::Status apply_limits(cell::Limits& limits,
                          const std::vector<std::string>& settings,
                          std::string_view option);

}  // namespace retort::cli
