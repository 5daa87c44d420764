// Seccomp: loads a system-call filter that was compiled before.
#pragma once

#include <linux/filter.h>

#include <span>

#include "base/error.h"

namespace retort::kernel {

// seccomp(2), SECCOMP_SET_MODE_FILTER. For good, for this process and all its children; wants
// no_new_privs.
base::Status load_filter(std::span<const sock_filter> program);

}  // namespace retort::kernel
