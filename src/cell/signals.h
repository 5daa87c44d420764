// Signals: those that a client may send to a program.
#pragma once

#include <algorithm>
#include <array>
#include <csignal>

namespace retort::cell {

// What people, terminals and supervisors send (signal(7)). None by which the kernel tells of a
// fault or of a limit (SIGSEGV, SIGSYS, SIGXCPU, SIGXFSZ): verdicts are read from those.
constexpr std::array kSendableSignals = {SIGHUP,
                                         SIGINT,
                                         SIGQUIT,
                                         SIGABRT,
                                         SIGKILL,
                                         SIGUSR1,
                                         SIGUSR2,
                                         SIGALRM,
                                         SIGTERM,
                                         SIGCONT,
                                         SIGSTOP,
                                         SIGTSTP,
                                         SIGWINCH};

constexpr bool is_sendable(int number) {
  return std::ranges::find(kSendableSignals, number) != kSendableSignals.end();
}

}  // namespace retort::cell
