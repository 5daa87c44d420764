// H03c, H04c: locks on, and watches of, the nodes of /dev.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "attacks/tools.h"
#include "cell/filter.h"

namespace retort::attacks {
namespace {

constexpr const char* kDevices[] = {
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

int run_locks(unsigned) {
  for (const char* path : kDevices) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    expect(file >= 0, std::string(path) + " cannot be opened");
    expect(::flock(file, LOCK_EX | LOCK_NB) == 0, std::string(path) + ": another's flock is seen");
  }
  ::usleep(800'000);
  return verdict();
}

const Enrol kLocks{{.id = "H03c",
                    .what = "locks on device nodes, beside another cell",
                    .run = run_locks,
                    .cells = {.count = 2, .order = Cells::Order::together}}};

// Place 0 watches, the other opens.
int run_watches(unsigned place) {
  const int queue = place == 0 ? ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
  for (const char* path : kDevices) {
    if (place == 0)
      expect(::inotify_add_watch(queue, path, IN_ALL_EVENTS) > 0, "a device cannot be watched");
  }
  for (unsigned i = 0; i < 100; ++i) {
    for (const char* path : kDevices) {
      if (place == 1) ::close(::open(path, O_RDONLY | O_CLOEXEC));
    }
    ::usleep(10'000);
  }
  char events[4096];
  expect(place != 0 || ::read(queue, events, sizeof events) < 0, "another's use of /dev is seen");
  return verdict();
}

const Enrol kWatches{{.id = "H04c",
                      .what = "watches of device nodes, which another cell uses",
                      .run = run_watches,
                      .add_ons = cell::kInotify,
                      .cells = {.count = 2, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
