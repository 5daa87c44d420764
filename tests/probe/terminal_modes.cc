// Terminal modes: what a program hears from outside while it runs.
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "probe/probe.h"

namespace retort::probe {
namespace {

int mode_hear_signals(const Words&) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;) {
    siginfo_t info{};
    if (::sigwaitinfo(&all, &info) < 0) continue;
    std::printf("SIG%s from %d\n", ::sigabbrev_np(info.si_signo), info.si_pid);
    std::fflush(stdout);
    if (info.si_signo == SIGTERM) return 0;
  }
}

constexpr std::array kModes = {
    Mode{"hear-signals", "", "prints each signal that comes, until SIGTERM", mode_hear_signals},
};

}  // namespace

std::span<const Mode> terminal_modes() {
  return kModes;
}

}  // namespace retort::probe
