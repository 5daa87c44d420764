// A04: a daemon: double fork, setsid, no streams; its parent ends well.
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::chrono::milliseconds kLong = 3000ms;

int be_daemon() {
  ::setsid();
  return spawn([] {
           for (const int stream : {0, 1, 2}) ::close(stream);
           rest(kLong);
           return 0;
         }) > 0
             ? 0
             : 1;
}

int run(unsigned) {
  expect(survives(be_daemon), "no daemon began");
  return verdict();
}

// With a wall time that the daemon outlives: a result that waited for it would be another.
const Enrol kAttack{{.id = "A04",
                     .what = "a daemon that outlives its program",
                     .run = run,
                     .exit_code = 0,
                     .limits = {"wall_time=1s"}}};

}  // namespace
}  // namespace retort::attacks
