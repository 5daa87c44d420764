// retort selftest: hostile programs in cells of this host, and whether each wall held.
#include "cli/selftest.h"

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/workbench.h"
#include "selftest/attack.h"
#include "selftest/runner.h"
#include "text/json.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Result;
using selftest::Attack;
using selftest::CaseResult;
using text::json::array;
using text::json::object;

namespace {

constexpr int kFell = 1;  // the exit code when a wall did not hold
// Attacks on other programs of the host: the neighbour shows what they do to one.
constexpr std::string_view kWithNeighbour = "ABCD";

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

int list(const std::vector<const Attack*>& chosen) {
  for (const Attack* attack : chosen) {
    std::printf("%-6s %s\n", std::string(attack->id).c_str(), std::string(attack->what).c_str());
  }
  return 0;
}

object to_json(const CaseResult& result) {
  object record;
  record["id"] = result.attack->id;
  record["what"] = result.attack->what;
  record["held"] = result.held();
  if (!result.skipped.empty()) record["skipped"] = result.skipped;
  array faults;
  for (const std::string& fault : result.faults) faults.emplace_back(fault);
  record["faults"] = faults;
  array notes;
  for (const std::string& note : result.notes) notes.emplace_back(note);
  record["notes"] = notes;
  record["status"] = result.status;
  record["wall_time_us"] = result.wall.count();
  record["over_limit_us"] = result.over.count();
  if (result.neighbour) {
    record["neighbour_ratio"] = *result.neighbour;
  } else {
    record["neighbour_ratio"] = nullptr;
  }
  return record;
}

void print(const CaseResult& result) {
  const char* word = result.held() ? "held" : "FELL";
  if (!result.skipped.empty()) word = "skip";
  std::printf("%-5s %-4s %-16s %7ld ms",
              std::string(result.attack->id).c_str(),
              word,
              result.status.c_str(),
              static_cast<long>(result.wall.count() / 1000));
  if (result.neighbour) {
    std::printf("  %5.2fx", *result.neighbour);
  } else {
    std::printf("  %6s", "");
  }
  std::printf("  %s\n", std::string(result.attack->what).c_str());
  if (!result.skipped.empty()) std::printf("           %s\n", result.skipped.c_str());
  for (const std::string& fault : result.faults) std::printf("           %s\n", fault.c_str());
  for (const std::string& note : result.notes) std::printf("           note: %s\n", note.c_str());
  std::fflush(stdout);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

struct Summary {
  std::size_t held = 0;
  std::size_t fell = 0;
  std::size_t skipped = 0;
  std::vector<double> neighbours;

  void add(const CaseResult& result) {
    if (!result.skipped.empty()) {
      ++skipped;
    } else if (result.held()) {
      ++held;
    } else {
      ++fell;
    }
    if (result.neighbour) neighbours.push_back(*result.neighbour);
  }
};

}  // namespace

Result<std::vector<const Attack*>> choose_attacks(const std::vector<std::string>& ids) {
  std::vector<const Attack*> chosen;
  for (const Attack& attack : selftest::attacks()) {
    if (ids.empty()) chosen.push_back(&attack);
  }
  for (const std::string& id : ids) {
    const std::string wanted = upper(id);
    const auto before = chosen.size();
    for (const Attack& attack : selftest::attacks()) {
      const std::string name = upper(std::string(attack.id));
      if (name == wanted || (wanted.size() == 1 && name.starts_with(wanted)))
        chosen.push_back(&attack);
    }
    if (chosen.size() == before) {
      return Error{
          Fault::invalid,
          "no attack is named '" + base::printable(id) + "'; retort selftest --list shows them",
          0};
    }
  }
  return chosen;
}

int selftest(const SelftestOptions& options) {
  const auto chosen = choose_attacks(options.ids);
  if (!chosen) return complain(chosen.error(), kUsage);
  if (options.list) return list(*chosen);
  if (!options.against.empty()) return selftest_against(options, *chosen);
  const auto catalogue = load_catalogue();
  if (!catalogue) return complain(catalogue.error());
  Interrupts interrupts;
  auto runner = selftest::Runner::open(*catalogue);
  if (!runner) return complain(runner.error());

  Summary summary;
  array records;
  if (!options.json)
    std::printf("%-5s %-4s %-16s %10s  %6s  %s\n", "id", "", "status", "wall", "beside", "attack");
  for (const Attack* attack : *chosen) {
    if (interrupts.caught() != 0) return kSignalBase + interrupts.caught();
    const bool beside =
        options.neighbour && kWithNeighbour.find(attack->id.front()) != std::string_view::npos;
    const CaseResult result = (*runner)->run(*attack, beside);
    summary.add(result);
    if (options.json) {
      records.emplace_back(to_json(result));
    } else {
      print(result);
    }
  }
  if (interrupts.caught() != 0) return kSignalBase + interrupts.caught();
  const auto left = (*runner)->left_at_end();
  if (options.json) {
    array leftovers;
    for (const std::string& line : left) leftovers.emplace_back(line);
    std::puts(text::pretty(object{{"cases", records},
                                  {"held", summary.held},
                                  {"fell", summary.fell},
                                  {"skipped", summary.skipped},
                                  {"left", leftovers}})
                  .c_str());
  } else {
    for (const std::string& line : left) std::printf("%s\n", line.c_str());
    std::printf("\n%zu held, %zu fell, %zu skipped", summary.held, summary.fell, summary.skipped);
    if (!summary.neighbours.empty()) {
      std::printf("; an honest neighbour took %.2f times as long (median of %zu)",
                  median(summary.neighbours),
                  summary.neighbours.size());
    }
    std::printf("\n");
  }
  return summary.fell == 0 && left.empty() ? 0 : kFell;
}

}  // namespace retort::cli
