// Seccomp: the one call.
#include "kernel/seccomp.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace retort::kernel {

base::Status load_filter(std::span<const sock_filter> program) {
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    return base::os_error("seccomp", "SECCOMP_SET_MODE_FILTER");
  }
  return {};
}

}  // namespace retort::kernel
