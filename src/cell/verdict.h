// Verdict: how a stage ended, decided from kernel facts and the bytes of output alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cell/facts.h"
#include "cell/limits.h"

namespace retort::cell {

enum class Outcome : std::uint8_t {
  ok,
  compile_error,
  nonzero_exit,
  signaled,
  cpu_time_limit,
  wall_time_limit,
  memory_limit,
  output_limit,
  disk_limit,
  process_limit,
  start_error,
  wrong_answer,
  check_error,  // the client's own checker or interactor failed
  cancelled,
  internal_error,
};

// The word on the wire: "cpu_time_limit".
std::string_view outcome_name(Outcome outcome);
// All of them, in the order of Outcome.
std::span<const std::string_view> outcome_names();
std::optional<Outcome> find_outcome(std::string_view name);

struct Verdict {
  Outcome outcome = Outcome::internal_error;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string message;            // one line for people; empty when ok
  std::vector<Limit> limits_hit;  // every limit that was touched, even when the program survived it
};

// Rules, first match decides the outcome:
//   the cell could not be made                               internal_error (disk_limit when the
//   files did not fit) the job was cancelled                                    cancelled it could
//   not be executed                                 start_error the kernel killed for memory
//   memory_limit more bytes on a stream than `output`                     output_limit CPU time
//   over `cpu_time`, whoever ended the program      cpu_time_limit wall time over `wall_time`
//   wall_time_limit SIGXFSZ; a full disk or file and not a clean exit        disk_limit forks were
//   refused and not a clean exit                  process_limit a signal; an exit code other than
//   0; else                signaled; nonzero_exit; ok
Verdict judge(const Facts& facts, const Limits& limits, bool output_over);

}  // namespace retort::cell
