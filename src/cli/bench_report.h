// Bench report: the table, row by row as it comes, or one JSON document at the end.
#pragma once

#include <string>

#include "base/units.h"
#include "cli/bench_cases.h"
#include "cli/bench_figures.h"
#include "keeper/client.h"
#include "text/json.h"

namespace retort::cli {

// One case, measured both ways.
struct BenchPair {
  Figures cell;
  Figures bare;
  base::Duration setup{};  // median, of all stages of a job
  std::string wrong;       // an answer that was not right ends the case; no figures then
};

class BenchReport {
 public:
  explicit BenchReport(bool json) : json_(json) {}

  void begin();
  void add_keeper_start(const Figures& figures);
  void add(const BenchCase& bench_case, const BenchPair& pair);
  void skip(const BenchCase& bench_case);
  // Names the limits that these cells did without: without them a cell costs less.
  void end(const keeper::Abilities& abilities);

 private:
  bool json_;
  text::json::object record_;
  text::json::array cases_;
  text::json::array skipped_;
};

}  // namespace retort::cli
