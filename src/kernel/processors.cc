// Processors: sysconf(3).
#include "kernel/processors.h"

#include <sched.h>
#include <unistd.h>

namespace retort::kernel {

unsigned count_processors() {
  const long online = ::sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<unsigned>(online) : CPU_SETSIZE;
}

}  // namespace retort::kernel
