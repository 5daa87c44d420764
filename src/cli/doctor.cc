// retort doctor: what this host can enforce, gathered and printed as a table or as JSON.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/doctor_checks.h"
#include "cli/doctor_mend.h"
#include "text/json.h"

namespace retort::cli {

namespace {

Checks run_checks() {
  Checks checks;
  check_kernel(checks);
  const Trial trial = check_installation(checks);
  check_limits(checks, trial);
  check_hardening(checks, trial);
  return checks;
}

const char* level_name(Level level) {
  switch (level) {
    case Level::essential:
      return "essential";
    case Level::limits:
      return "limits";
    case Level::hardening:
      return "hardening";
  }
  return "";
}

constexpr std::size_t kWidth = 100;

// Text from the column on, broken between words.
void print_wrapped(const std::string& text, std::size_t column) {
  std::istringstream words(text);
  std::size_t used = column;
  for (std::string word; words >> word;) {
    if (used > column && used + 1 + word.size() > kWidth) {
      std::printf("\n%*s", static_cast<int>(column), "");
      used = column;
    }
    std::printf("%s%s", used > column ? " " : "", word.c_str());
    used += word.size() + (used > column ? 1 : 0);
  }
  std::printf("\n");
}

class Painter {
 public:
  Painter() {
    const char* off = std::getenv("NO_COLOR");
    on_ = ::isatty(STDOUT_FILENO) == 1 && (off == nullptr || *off == '\0');
  }
  [[nodiscard]] const char* status(const Check& check) const {
    if (!on_) return "";
    if (check.found) return "\033[32m";
    return check.level == Level::essential ? "\033[1;31m" : "\033[33m";
  }
  [[nodiscard]] const char* heading() const { return on_ ? "\033[1m" : ""; }
  [[nodiscard]] const char* end() const { return on_ ? "\033[0m" : ""; }

 private:
  bool on_ = false;
};

void print_check(const Check& check, const Painter& paint) {
  constexpr int kText = 41;  // the column of what it is
  std::printf("  %s%-7s%s  %-9s  %-18s ",
              paint.status(check),
              check.found ? "found" : "missing",
              paint.end(),
              level_name(check.level),
              check.id);
  print_wrapped(check.what + (check.detail.empty() ? "" : ": " + check.detail), kText);
  if (check.found) return;
  std::printf("           lost  ");
  print_wrapped(check.lost, 17);
  std::printf("           mend  ");
  if (check.mend.starts_with(kNoCommand)) return print_wrapped(check.mend, 17);
  std::printf("%s\n", check.mend.c_str());  // not broken: it is there to be copied
}

std::string summary(const Checks& checks) {
  const auto missing = [&](Level level) {
    return std::ranges::count_if(
        checks, [&](const Check& check) { return !check.found && check.level == level; });
  };
  std::string text = std::to_string(checks.size()) + " checks: ";
  std::vector<std::string> names;
  for (const Check& check : checks) {
    if (!check.found && check.level == Level::essential) names.emplace_back(check.id);
  }
  text +=
      names.empty() ? "cells run here" : "NO CELL RUNS HERE, for want of " + joined(names, ", ");
  return text + "; missing: " + std::to_string(missing(Level::limits)) + " for limits, " +
         std::to_string(missing(Level::hardening)) + " for hardening";
}

void print_table(const Checks& checks) {
  const Painter paint;
  std::string group;
  for (const Check& check : checks) {
    if (check.group != group) {
      std::printf(
          "%s%s%s%s\n", group.empty() ? "" : "\n", paint.heading(), check.group, paint.end());
      group = check.group;
    }
    print_check(check, paint);
  }
  std::printf("\n%s\n", summary(checks).c_str());
}

void print_json(const Checks& checks, bool ok) {
  text::json::array list;
  for (const Check& check : checks) {
    text::json::object record;
    record["id"] = check.id;
    record["group"] = check.group;
    record["essential"] = check.level == Level::essential;
    record["found"] = check.found;
    record["detail"] = check.detail;
    record["lost"] = check.found ? "" : check.lost;
    record["mend"] = check.found ? "" : check.mend;
    list.push_back(std::move(record));
  }
  text::json::object result;
  result["ok"] = ok;
  result["checks"] = std::move(list);
  std::puts(text::pretty(result).c_str());
}

}  // namespace

int doctor(const DoctorOptions& options) {
  const Checks checks = run_checks();
  const bool ok = std::ranges::none_of(
      checks, [](const Check& check) { return !check.found && check.level == Level::essential; });
  if (options.json) {
    print_json(checks, ok);
  } else {
    print_table(checks);
  }
  return ok ? 0 : 1;
}

}  // namespace retort::cli
