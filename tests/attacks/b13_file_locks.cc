// B13: file locks without end: kernel memory that no control group counts. SECURITY.md names it:
// what the program's CPU time buys is the bound, and all of it is free again at its end.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kFiles = 400;
constexpr int kLocksOfOne = 500;  // of some 200 bytes; 40 MB in all

int run(unsigned) {
  int locks = 0;
  for (int i = 0; i < kFiles; ++i) {
    const int file = ::open(std::to_string(i).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int place = 0; file >= 0 && place < kLocksOfOne; ++place) {
      struct flock lock{};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      lock.l_start = place * 2L;
      lock.l_len = 1;
      if (::fcntl(file, F_SETLK, &lock) == 0) ++locks;
    }
  }
  std::printf("note: %d locks in %lld ms of CPU time\n",
              locks,
              static_cast<long long>(cpu_used() / std::chrono::milliseconds(1)));
  return 0;
}

const Enrol kLocks{{.id = "B13c",
                    .what = "file locks without end",
                    .run = run,
                    .statuses = {"ok", "memory_limit"},
                    .may_hit = {"memory"},
                    .limits = {"memory=16MiB", "disk=8MiB", "cpu_time=5s", "wall_time=15s"}}};

}  // namespace
}  // namespace retort::attacks
