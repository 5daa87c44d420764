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

}  // namespace retort::job
