// Bench cases: programs that run both in a cell and as bare processes, and whose answer is known.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cli/workbench.h"
#include "job/job.h"
#include "runtime/catalogue.h"
#include "runtime/manifest.h"

namespace retort::cli {

struct BenchCase {
  std::string name;   // in JSON
  std::string title;  // for people
  runtime::Manifest manifest;
  job::SourceFile source;
  std::string expected_stdout;
  unsigned runs = 0;
  std::string skipped;  // why it cannot run here; empty when it can
};

std::vector<BenchCase> bench_cases(const runtime::Catalogue& catalogue,
                                   unsigned runs,
                                   unsigned compile_runs);

// One run, checked.
struct Sample {
  base::Duration took{};
  base::Duration setup{};  // of all stages, as they report it; in a cell only
  std::string wrong;       // what is wrong with the answer; empty when it is right
};

// What is wrong with what a case printed; empty when nothing is.
std::string answer_differs(const std::string& stdout_bytes, const BenchCase& bench_case);

// The variables that a program finds in a cell, as "NAME=value".
base::Result<std::vector<std::string>> cell_variables(Workbench& bench);

// From handing the job over to having its whole result.
base::Result<Sample> run_in_cell(Workbench& bench, const BenchCase& bench_case);

}  // namespace retort::cli
