// Terminal modes: what a program hears from outside while it runs.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
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

// Of what it is given as 0, 1 and 2, and of what it can reach from there.
int mode_terminal(const Words&) {
  for (const int stream : {0, 1, 2}) std::printf("isatty %d\n", ::isatty(stream));
  const char* name = ::ttyname(0);
  std::printf("name %s\n", name != nullptr ? name : "none");
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) != 0) return complain("TIOCGWINSZ");
  std::printf("size %d %d\n", size.ws_row, size.ws_col);
  std::printf("session %d\n", ::tcgetsid(0) == ::getpid() ? 1 : 0);
  std::printf("foreground %d\n", ::tcgetpgrp(0) == ::getpgrp() ? 1 : 0);
  const int own = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  termios settings{};
  answer(own >= 0 && ::tcgetattr(own, &settings) == 0);
  answer(::open("/dev/pts/0", O_RDWR | O_CLOEXEC) >= 0);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  answer(::tcsetattr(0, TCSADRAIN, &settings) == 0 && ::tcflush(0, TCIFLUSH) == 0 &&
         ::tcdrain(1) == 0);
  return 0;
}

// Each way to another terminal, and to change this one's name and rights.
int mode_more_terminals(const Words&) {
  for (const char* path : {"/dev/ptmx", "/dev/pts/ptmx", "/dev/pts/1", "/dev/console", "/dev/tty0"})
    answer(::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY) >= 0);
  answer(::chmod("/dev/pts/ptmx", 0666) == 0);
  answer(::chmod("/dev/pts/0", 0666) == 0);
  answer(::open("/dev/pts/new", O_CREAT | O_RDWR | O_CLOEXEC, 0600) >= 0);
  return 0;
}

int mode_terminal_commands(const Words&) {
  char letter = 'x';
  int number = 0;
  // TIOCLINUX, TIOCGPTPEER, TIOCVHANGUP, TIOCGPTN and TIOCSLCKTRMIOS by their numbers.
  for (const unsigned long command : {static_cast<unsigned long>(TIOCSTI),
                                      0x541CUL,
                                      static_cast<unsigned long>(TIOCSETD),
                                      static_cast<unsigned long>(TIOCCONS),
                                      static_cast<unsigned long>(TIOCEXCL),
                                      0x5441UL,
                                      0x5437UL,
                                      0x80045430UL,
                                      0x5457UL}) {
    answer(::ioctl(0, command, command == TIOCSTI ? &letter : static_cast<void*>(&number)) == 0);
  }
  return 0;
}

// Until its input ends.
int mode_watch_size(const Words&) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGWINCH, &action, nullptr);
  // Taken while it waits and at no other time, so that none is missed.
  sigset_t changes;
  sigset_t none;
  ::sigemptyset(&none);
  ::sigemptyset(&changes);
  ::sigaddset(&changes, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &changes, nullptr);
  for (;;) {
    winsize size{};
    ::ioctl(0, TIOCGWINSZ, &size);
    std::printf("size %d %d\n", size.ws_row, size.ws_col);
    std::fflush(stdout);
    pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
    char byte = 0;
    if (::ppoll(&input, 1, nullptr, &none) > 0 && ::read(0, &byte, 1) == 0) return 0;
  }
}

constexpr std::array kModes = {
    Mode{"hear-signals", "", "prints each signal that comes, until SIGTERM", mode_hear_signals},
    Mode{"terminal", "", "prints what terminal it has, and tries it", mode_terminal},
    Mode{"more-terminals", "", "tries to get at another terminal", mode_more_terminals},
    Mode{"terminal-commands", "", "tries commands that no program needs", mode_terminal_commands},
    Mode{"watch-size", "", "prints the terminal's size, and each change of it", mode_watch_size},
};

}  // namespace

std::span<const Mode> terminal_modes() {
  return kModes;
}

}  // namespace retort::probe
