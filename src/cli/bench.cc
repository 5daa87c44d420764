// retort bench: what a cell costs here. Each case runs in a cell and bare, pair by pair, so that
// the noise of the machine hits both and the ratio keeps its meaning.
#include <algorithm>

#include "base/clock.h"
#include "cli/bench_bare.h"
#include "cli/bench_cases.h"
#include "cli/bench_figures.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/workbench.h"

namespace retort::cli {

using base::Duration;
using base::Error;
using base::Fault;
using base::monotonic_now;
using base::Result;

namespace {

constexpr int kWrongAnswer = 1;

Error interrupted() {
  return Error{Fault::gone, "interrupted", EINTR};
}

// From nothing to a keeper that serves.
Result<Figures> time_keeper_starts(unsigned runs, Interrupts& interrupts) {
  std::vector<Duration> times;
  for (unsigned i = 0; i < runs; ++i) {
    if (interrupts.caught() != 0) return interrupted();
    const Duration started = monotonic_now();
    RETORT_TRY(const auto bench, Workbench::open());
    times.push_back(monotonic_now() - started);
  }
  return figures_of(std::move(times));
}

Result<BenchPair> measure(Workbench& bench,
                          const BenchCase& bench_case,
                          const std::vector<std::string>& variables,
                          Interrupts& interrupts) {
  RETORT_TRY(const auto twin, BareTwin::prepare(bench_case, variables));
  BenchPair pair;
  std::vector<Duration> cell_times;
  std::vector<Duration> setup_times;
  std::vector<Duration> bare_times;
  // The pair before the first fills caches and is not counted.
  for (unsigned i = 0; i <= bench_case.runs; ++i) {
    // Each goes first in turn: what a cell leaves to the kernel to clean up slows whoever follows.
    for (const bool in_cell : {i % 2 == 0, i % 2 != 0}) {
      if (interrupts.caught() != 0) return interrupted();
      RETORT_TRY(const Sample sample, in_cell ? run_in_cell(bench, bench_case) : twin->run());
      if (!sample.wrong.empty()) {
        pair.wrong = bench_case.title + (in_cell ? " in a cell: " : " bare: ") + sample.wrong;
        return pair;
      }
      if (i == 0) continue;
      (in_cell ? cell_times : bare_times).push_back(sample.took);
      if (in_cell) setup_times.push_back(sample.setup);
    }
  }
  pair.cell = figures_of(std::move(cell_times));
  pair.bare = figures_of(std::move(bare_times));
  pair.setup = figures_of(std::move(setup_times)).median;
  return pair;
}

Result<int> bench_all(const BenchOptions& options,
                      const runtime::Catalogue& catalogue,
                      Interrupts& interrupts) {
  BenchReport report(options.json);
  report.begin();
  RETORT_TRY(const Figures starts, time_keeper_starts(options.runs, interrupts));
  report.add_keeper_start(starts);
  RETORT_TRY(auto bench, Workbench::open());
  RETORT_TRY(const auto variables, cell_variables(bench));
  for (const BenchCase& each : bench_cases(catalogue, options.runs, options.compile_runs)) {
    if (!each.skipped.empty()) {
      report.skip(each);
      continue;
    }
    RETORT_TRY(const BenchPair measured, measure(bench, each, variables, interrupts));
    if (!measured.wrong.empty()) {
      return complain(Error{Fault::internal, measured.wrong, 0}, kWrongAnswer);
    }
    report.add(each, measured);
  }
  report.end(bench.keeper->abilities());
  return 0;
}

}  // namespace

int bench(const BenchOptions& options) {
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  Interrupts interrupts;
  const auto code = bench_all(options, *catalogue, interrupts);
  if (interrupts.caught() != 0) return kSignalBase + interrupts.caught();
  return code ? *code : complain(code.error());
}

}  // namespace retort::cli
