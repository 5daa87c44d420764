// A08: signals to everybody: kill(-1, SIGKILL), and every id that a host can have.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr pid_t kMostIds = 1 << 22U;  // PID_MAX_LIMIT

int run_all(unsigned) {
  // Without the wall of ids this would end the host: then it is not tried.
  if (::getuid() == 0) {
    breach("it is root");
    return verdict();
  }
  const pid_t child = spawn([] { return ::pause(); });
  expect(::kill(-1, SIGKILL) == 0, "kill(-1) found nobody");
  const int status = wait_for(child);
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "its child did not die");
  return verdict();
}

// Signal 0 asks whether one could be sent.
int run_each(unsigned) {
  const pid_t own = ::getpid();
  for (pid_t id = 2; id < kMostIds; ++id) {
    if (id == own || (::kill(id, 0) < 0 && errno == ESRCH)) continue;
    breach("process " + std::to_string(id) + " is there");
    return verdict();
  }
  return verdict();
}

const Enrol kAll{{.id = "A08", .what = "kill everybody", .run = run_all, .exit_code = 0}};
const Enrol kEach{{.id = "A08b",
                   .what = "signal every process id",
                   .run = run_each,
                   .exit_code = 0,
                   .limits = {"cpu_time=10s", "wall_time=20s"}}};

}  // namespace
}  // namespace retort::attacks
