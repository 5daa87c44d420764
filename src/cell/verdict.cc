// Verdict: one pure function over Facts.
#include "cell/verdict.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace retort::cell {
namespace {

constexpr std::array<std::string_view, 15> kNames = {"ok",
                                                     "compile_error",
                                                     "nonzero_exit",
                                                     "signaled",
                                                     "cpu_time_limit",
                                                     "wall_time_limit",
                                                     "memory_limit",
                                                     "output_limit",
                                                     "disk_limit",
                                                     "process_limit",
                                                     "start_error",
                                                     "wrong_answer",
                                                     "check_error",
                                                     "cancelled",
                                                     "internal_error"};

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

// Of any number: it comes from the cell.
std::string reason_text(int number) {
  const char* text = ::strerrordesc_np(number);
  return text != nullptr ? text : base::errno_name(number);
}

std::string over(Limit limit, const Limits& limits) {
  const LimitInfo& info = info_of(limit);
  return std::string(info.name) + " limit of " + limit_text(limits, limit) + " reached";
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  return kNames.at(static_cast<std::size_t>(outcome));
}

std::span<const std::string_view> outcome_names() {
  return kNames;
}

std::optional<Outcome> find_outcome(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Outcome>(found - kNames.begin());
}

Verdict judge(const Facts& facts, const Limits& limits, bool output_over) {
  Verdict verdict;
  const bool exited = facts.end == End::exited;
  const bool signaled = facts.end == End::signaled;
  if (exited) verdict.exit_code = facts.code;
  if (signaled) verdict.signal = facts.code;
  if (facts.end == End::killed) verdict.signal = SIGKILL;
  const bool clean = exited && facts.code == 0;
  const bool file_size_hit = facts.file_size_reached || (signaled && facts.code == SIGXFSZ);
  const bool disk_hit = facts.disk_full || facts.inodes_full ||
                        (facts.step == Step::files && facts.error_number == ENOSPC);

  const std::array<std::pair<bool, Limit>, 8> touched = {{
      {facts.cpu_us > static_cast<std::uint64_t>(limits.cpu_time.count()), Limit::cpu_time},
      {facts.wall_us > static_cast<std::uint64_t>(limits.wall_time.count()) ||
           facts.cause == Cause::wall_time,
       Limit::wall_time},
      {facts.memory_kills > 0 || facts.cause == Cause::memory, Limit::memory},
      {facts.processes_denied > 0, Limit::processes},
      {file_size_hit, Limit::file_size},
      {disk_hit && !facts.inodes_full, Limit::disk},
      {facts.inodes_full, Limit::disk_inodes},
      {output_over, Limit::output},
  }};
  for (const auto& [hit, limit] : touched) {
    if (hit) verdict.limits_hit.push_back(limit);
  }
  const auto hit = [&](Limit limit) { return std::ranges::count(verdict.limits_hit, limit) > 0; };
  const auto conclude = [&](Outcome outcome, std::string message) {
    verdict.outcome = outcome;
    verdict.message = std::move(message);
    return verdict;
  };

  if (facts.cause == Cause::cancelled)
    return conclude(Outcome::cancelled, "the job was ended before the program was");
  if (facts.end == End::setup_failed) {
    if (hit(Limit::memory)) {
      return conclude(Outcome::memory_limit,
                      "the files do not fit: " + over(Limit::memory, limits));
    }
    if (facts.step == Step::files && disk_hit) {
      return conclude(Outcome::disk_limit, "the files do not fit: " + over(Limit::disk, limits));
    }
    return conclude(Outcome::internal_error,
                    std::string("could not ") + step_text(facts.step) + ": " +
                        reason_text(facts.error_number) + " (step " +
                        std::to_string(static_cast<int>(facts.step)) + "." +
                        std::to_string(facts.step_index) + ")");
  }
  if (facts.end == End::start_failed) {
    return conclude(Outcome::start_error,
                    "the program could not be executed: " + reason_text(facts.error_number));
  }
  if (hit(Limit::memory)) return conclude(Outcome::memory_limit, over(Limit::memory, limits));
  if (facts.cause == Cause::lost) return conclude(Outcome::internal_error, "retort-init was lost");
  if (output_over) return conclude(Outcome::output_limit, over(Limit::output, limits));
  if (hit(Limit::cpu_time)) return conclude(Outcome::cpu_time_limit, over(Limit::cpu_time, limits));
  if (hit(Limit::wall_time))
    return conclude(Outcome::wall_time_limit, over(Limit::wall_time, limits));
  if (file_size_hit && !clean) return conclude(Outcome::disk_limit, over(Limit::file_size, limits));
  if (disk_hit && !clean) {
    return conclude(Outcome::disk_limit,
                    over(facts.inodes_full ? Limit::disk_inodes : Limit::disk, limits));
  }
  if (hit(Limit::processes) && !clean) {
    return conclude(Outcome::process_limit, over(Limit::processes, limits));
  }
  if (signaled) return conclude(Outcome::signaled, "ended by " + signal_text(facts.code));
  if (!clean) return conclude(Outcome::nonzero_exit, "exit code " + std::to_string(facts.code));
  return conclude(Outcome::ok, "");
}

}  // namespace retort::cell
