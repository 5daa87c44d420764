// Processor: PR_SET_SPECULATION_CTRL, PR_SCHED_CORE.
#include "kernel/processor.h"

#include <linux/prctl.h>
#include <sys/prctl.h>

#include <string>

namespace retort::kernel {

using base::os_error;

namespace {

// include/uapi/linux/prctl.h: of one thread, of all threads of a process.
constexpr unsigned long kOfThread = 0;
constexpr unsigned long kOfProcess = 1;

}  // namespace

Speculation speculation_of(int answer) {
  if (answer < 0) return Speculation::everywhere;
  const auto bits = static_cast<unsigned>(answer);
  if (bits == PR_SPEC_NOT_AFFECTED) return Speculation::none;
  if ((bits & PR_SPEC_FORCE_DISABLE) != 0) return Speculation::off;
  if ((bits & PR_SPEC_PRCTL) != 0) return Speculation::choice;
  return (bits & PR_SPEC_DISABLE) != 0 ? Speculation::none : Speculation::everywhere;
}

Speculation look_at_speculation(int kind) {
  return speculation_of(::prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0));
}

Status forbid_speculation() {
  for (const int kind : kSpeculations) {
    if (look_at_speculation(kind) != Speculation::choice) continue;
    if (::prctl(PR_SET_SPECULATION_CTRL, kind, PR_SPEC_FORCE_DISABLE, 0, 0) != 0)
      return os_error("prctl", "PR_SET_SPECULATION_CTRL " + std::to_string(kind));
  }
  return {};
}

bool has_core_scheduling() {
  unsigned long cookie = 0;
  return ::prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, kOfThread, &cookie) == 0;
}

Status take_cores_alone() {
  if (!has_core_scheduling()) return {};
  if (::prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, kOfProcess, 0) != 0)
    return os_error("prctl", "PR_SCHED_CORE_CREATE");
  return {};
}

}  // namespace retort::kernel
