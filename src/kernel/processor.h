// Processor: what a process shares with others within a processor, and the kernel's switches for it
// (prctl(2), Documentation/userspace-api/spec_ctrl.rst, admin-guide/hw-vuln/core-scheduling.rst).
#pragma once

#include <array>
#include <cstdint>

#include "base/error.h"

namespace retort::kernel {

using base::Result;
using base::Status;

// PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH.
constexpr int kStoreBypass = 0;
constexpr int kIndirectBranch = 1;
constexpr std::array kSpeculations = {kStoreBypass, kIndirectBranch};

enum class Speculation : std::uint8_t {
  none,        // the processor does not do it, or the kernel has it off for everybody
  everywhere,  // it does, and no process can switch it off for itself
  choice,      // each process can
  off,         // it can, and this one has, for good
};
// What prctl(PR_GET_SPECULATION_CTRL) answered; below 0 when it failed: the kernel cannot tell.
Speculation speculation_of(int answer);
// Of the calling process.
Speculation look_at_speculation(int kind);

// Switches both kinds off where that is a choice, for this process and all its children, for good.
// An Error when the kernel says that it is and refuses.
Status forbid_speculation();

// Whether the kernel can keep others' threads from a core that runs this process's: it was built
// for that, and the processor has more threads than cores.
bool has_core_scheduling();
// From here on no process but this one's children shares a core with it at one time. Does nothing
// where has_core_scheduling() is false.
Status take_cores_alone();

}  // namespace retort::kernel
