// Checks: what doctor finds out, in the order of its report. A file for each group makes its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/workbench.h"
#include "job/stage.h"
#include "keeper/client.h"

namespace retort::cli {

enum class Level : std::uint8_t {
  essential,  // without it no cell runs
  limits,     // without it something is not enforced, not measured, or not to be had
  hardening,  // without it a wall is thinner
};

struct Check {
  const char* id;
  const char* group;
  Level level;
  std::string what;
  bool found = true;
  std::string detail{};
  std::string lost{};  // of no meaning when it was found, like `mend`
  std::string mend{};  // one command, or no_command(…)
};

using Checks = std::vector<Check>;

// What was seen of a keeper, and of a cell of it that ran `true`.
struct Trial {
  base::Result<Workbench> bench;
  base::Result<job::StageResult> stage;

  // Null when no keeper started.
  [[nodiscard]] const keeper::Abilities* abilities() const {
    return bench ? &bench->keeper->abilities() : nullptr;
  }
  [[nodiscard]] bool has_groups() const { return bench && abilities()->group_version != 0; }
};

void check_kernel(Checks& checks);
// Starts the keeper and the cell: after what they need, before what only they can tell.
Trial check_installation(Checks& checks);
void check_limits(Checks& checks, const Trial& trial);
void check_hardening(Checks& checks, const Trial& trial);

}  // namespace retort::cli
