// Bench report: every figure in microseconds.
#include "cli/bench_report.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "kernel/processors.h"

namespace retort::cli {

using text::json::array;
using text::json::object;

namespace {

constexpr int kTitleWidth = -20;  // flush left

object to_json(const Figures& figures) {
  return {{"min_us", figures.min.count()},
          {"median_us", figures.median.count()},
          {"p99_us", figures.p99.count()}};
}

// To three places; what follows is noise.
double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

void flush() {
  (void)std::fflush(stdout);
}

void print_figures(const std::string& title, const Figures& figures) {
  std::printf("%*s %5zu  %8ld %8ld %8ld",
              kTitleWidth,
              title.c_str(),
              figures.runs,
              figures.min.count(),
              figures.median.count(),
              figures.p99.count());
}

}  // namespace

void BenchReport::begin() {
  double load = 0;
  const bool has_load = ::getloadavg(&load, 1) == 1;
  const unsigned processors = kernel::count_processors();
  record_["processors"] = processors;
  if (has_load) {
    record_["load_average"] = load;
  } else {
    record_["load_average"] = nullptr;
  }
  if (json_) return;
  std::printf(
      "Microseconds; load %.1f on %u processors. Only the ratios of one run mean "
      "something.\n\n",
      load,
      processors);
  std::printf("%*s %5s  %26s  %26s  %13s  %7s\n",
              kTitleWidth,
              "",
              "",
              "in a cell        ",
              "bare          ",
              "cell/bare  ",
              "set-up");
  std::printf("%*s %5s  %8s %8s %8s  %8s %8s %8s  %6s %6s  %7s\n",
              kTitleWidth,
              "case",
              "runs",
              "min",
              "median",
              "p99",
              "min",
              "median",
              "p99",
              "median",
              "p99",
              "median");
  flush();
}

void BenchReport::add_keeper_start(const Figures& figures) {
  object entry = {{"runs", figures.runs}};
  for (const auto& [name, value] : to_json(figures)) entry[name] = value;
  record_["keeper_start"] = entry;
  if (json_) return;
  print_figures("keeper start", figures);
  std::putchar('\n');
  flush();
}

void BenchReport::add(const BenchCase& bench_case, const BenchPair& pair) {
  const Figures& cell = pair.cell;
  const Figures& bare = pair.bare;
  const double of_medians = ratio(cell.median, bare.median);
  const double of_p99 = ratio(cell.p99, bare.p99);
  object in_cell = to_json(cell);
  in_cell["setup_median_us"] = pair.setup.count();
  cases_.push_back({{"name", bench_case.name},
                    {"runs", cell.runs},
                    {"cell", in_cell},
                    {"bare", to_json(bare)},
                    {"ratio", {{"median", rounded(of_medians)}, {"p99", rounded(of_p99)}}}});
  if (json_) return;
  print_figures(bench_case.title, cell);
  std::printf("  %8ld %8ld %8ld  %6.2f %6.2f  %7ld\n",
              bare.min.count(),
              bare.median.count(),
              bare.p99.count(),
              of_medians,
              of_p99,
              pair.setup.count());
  flush();
}

void BenchReport::skip(const BenchCase& bench_case) {
  skipped_.push_back({{"name", bench_case.name}, {"reason", bench_case.skipped}});
  if (json_) return;
  std::printf(
      "%*s skipped: %s\n", kTitleWidth, bench_case.title.c_str(), bench_case.skipped.c_str());
  flush();
}

void BenchReport::end(const keeper::Abilities& abilities) {
  array unenforced;
  std::string names;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if ((abilities.unenforceable >> static_cast<unsigned>(info.limit) & 1U) == 0) continue;
    unenforced.emplace_back(info.name);
    names.append(names.empty() ? "" : ", ").append(info.name);
  }
  record_["cases"] = cases_;
  record_["skipped"] = skipped_;
  record_["unenforced"] = unenforced;
  if (json_) {
    std::puts(text::pretty(record_).c_str());
  } else if (!names.empty()) {
    std::printf("\nNot enforced here: %s (%s)\n", names.c_str(), abilities.reason.c_str());
  }
}

}  // namespace retort::cli
