// Submission: what one needs.
#include "job/submission.h"

#include <algorithm>

namespace retort::job {

using base::ByteSize;

namespace {

std::uint64_t build_memory(const Program& program) {
  const bool is_built = program.runtime->compile.has_value() || program.archive.has_value();
  return is_built ? program.compile_limits.memory.bytes() : 0;
}

// More than any quota, so that more is as good as this, and sums of many are numbers still.
constexpr double kMostCpu = 4e13;  // microseconds

double ceiling_of(const cell::Limits& limits) {
  return static_cast<double>(limits.cpu_time.count()) +
         static_cast<double>(limits.extra_time.count());
}

double build_ceiling(const Program& program) {
  const int stages = (program.archive ? 1 : 0) + (program.runtime->compile ? 1 : 0);
  return stages * ceiling_of(program.compile_limits);
}

}  // namespace

ByteSize memory_of(const Submission& submission) {
  std::uint64_t most =
      std::max(build_memory(submission.program), submission.program.run_limits.memory.bytes());
  if (!submission.tests) return ByteSize::of_bytes(most);
  if (const auto& checker = submission.tests->check.program) {
    most = std::max({most, build_memory(*checker), checker->run_limits.memory.bytes()});
  }
  if (const auto& interactor = submission.tests->interactor) {
    const auto both =
        submission.program.run_limits.memory.bytes() + interactor->run_limits.memory.bytes();
    most = std::max({most, build_memory(*interactor), both});
  }
  return ByteSize::of_bytes(most);
}

base::Duration cpu_ceiling_of(const Submission& submission) {
  double sum = build_ceiling(submission.program);
  double run = ceiling_of(submission.program.run_limits);
  if (submission.tests) {
    for (const auto* judge : {&submission.tests->check.program, &submission.tests->interactor}) {
      if (!*judge) continue;
      sum += build_ceiling(**judge);
      run += ceiling_of((*judge)->run_limits);
    }
    run *= static_cast<double>(submission.tests->cases.size());
  }
  return base::Duration(static_cast<base::Duration::rep>(std::min(sum + run, kMostCpu)));
}

}  // namespace retort::job
