// L08: ends that look like another's doing: the exit codes of killers, signals to oneself.
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int end_by(int number) {
  ::raise(number);
  ::pause();
  return 0;
}

int run_child(unsigned) {
  const pid_t parent = ::getpid();
  spawn([=] { return ::kill(parent, SIGKILL); });
  rest(std::chrono::seconds(1));
  return 0;
}

int run_abort(unsigned) {
  (void)::signal(SIGTERM, [](int) { std::abort(); });
  return end_by(SIGTERM);
}

Attack with_code(std::string_view id, std::string_view what, int (*run)(unsigned), int code) {
  return {.id = id, .what = what, .run = run, .statuses = {"nonzero_exit"}, .exit_code = code};
}

Attack with_signal(std::string_view id, std::string_view what, int (*run)(unsigned), int number) {
  return {.id = id, .what = what, .run = run, .statuses = {"signaled"}, .signal = number};
}

const Enrol k137{with_code("L08", "exit(137)", [](unsigned) { return 137; }, 137)};
const Enrol k124{with_code("L08b", "exit(124)", [](unsigned) { return 124; }, 124)};
const Enrol kKill{
    with_signal("L08c", "raise(SIGKILL)", [](unsigned) { return end_by(SIGKILL); }, SIGKILL)};
const Enrol kByChild{with_signal("L08d", "be killed by one's child", run_child, SIGKILL)};
const Enrol kAbort{with_signal("L08e", "abort in a handler", run_abort, SIGABRT)};
const Enrol kCpu{
    with_signal("L08f", "raise(SIGXCPU)", [](unsigned) { return end_by(SIGXCPU); }, SIGXCPU)};

}  // namespace
}  // namespace retort::attacks
