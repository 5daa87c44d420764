// F17: words put into a terminal's input, and device commands that nobody in a cell needs.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

struct Command {
  const char* name;
  unsigned long number;
};
constexpr Command kCommands[] = {{"TIOCSTI", TIOCSTI},
                                 {"TIOCLINUX", 0x541C},
                                 {"TIOCSCTTY", TIOCSCTTY},
                                 {"TIOCNOTTY", TIOCNOTTY},
                                 {"TIOCSETD", TIOCSETD},
                                 {"TIOCCONS", TIOCCONS},
                                 {"TIOCGPTPEER", 0x5441},
                                 {"FS_IOC_SETFLAGS", FS_IOC_SETFLAGS},
                                 {"FS_IOC_FSSETXATTR", FS_IOC_FSSETXATTR},
                                 {"FICLONE", FICLONE},
                                 {"FIDEDUPERANGE", FIDEDUPERANGE},
                                 {"FIFREEZE", FIFREEZE},
                                 {"FITRIM", FITRIM},
                                 {"RNDADDENTROPY", 0x40085203},
                                 {"NS_GET_USERNS", 0xB701},
                                 {"SIOCGIFCONF", 0x8912},
                                 {"an unknown one", 0xDEAD'BEEF}};

int run(unsigned) {
  char letter = 'x';
  for (const Command& command : kCommands) {
    for (const unsigned long descriptor : {0UL, 1UL, 2UL, kMinusOne}) {
      for (const unsigned long upper : {0UL, kUpperBits, 0xFFFF'FFFFUL << 32U}) {
        expect_answer({command.name,
                       SYS_ioctl,
                       {descriptor, command.number | upper, address_of(&letter)},
                       ENOSYS});
      }
    }
  }
  expect_refused(::open("/dev/tty", O_RDWR | O_CLOEXEC), {ENOENT}, "/dev/tty");
  expect_refused(::open("/dev/ptmx", O_RDWR | O_CLOEXEC), {ENOENT}, "/dev/ptmx");
  expect_refused(::open("/dev/pts/0", O_RDWR | O_CLOEXEC), {ENOENT}, "/dev/pts/0");
  expect_refused(::open("/dev/console", O_RDWR | O_CLOEXEC), {ENOENT}, "/dev/console");
  expect(::getsid(0) == ::getpid(), "the session is another's");
  return verdict();
}

const Enrol kAttack{
    {.id = "F17", .what = "terminals and device commands", .run = run, .portable = true}};

// In a cell that has a terminal: it is the only one, and takes no words from the program as input.
int run_in_terminal(unsigned) {
  expect(::isatty(0) == 1 && ::isatty(1) == 1 && ::isatty(2) == 1, "0, 1 and 2 are no terminal");
  char letter = 'x';
  for (const Command& command : kCommands) {
    if (command.number == TIOCSCTTY || command.number == TIOCNOTTY) continue;
    for (const unsigned long upper : {0UL, kUpperBits})
      expect_answer(
          {command.name, SYS_ioctl, {0, command.number | upper, address_of(&letter)}, ENOSYS});
  }
  expect(list_folder("/dev/pts") == std::vector<std::string>{"0", "ptmx"}, "/dev/pts has others");
  expect_refused(::open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY), {ENOENT}, "/dev/ptmx");
  (void)::chmod("/dev/pts/ptmx", 0666);
  for (const int flags : {O_RDWR, O_RDONLY, O_WRONLY})
    expect_refused(::open("/dev/pts/ptmx", flags | O_CLOEXEC | O_NOCTTY),
                   {EACCES, ENOSPC},
                   "a terminal of its own making");
  for (const char* path : {"/dev/pts/1", "/dev/pts/2", "/dev/tty0", "/dev/tty1", "/dev/console"})
    expect_refused(::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY), {ENOENT}, path);
  expect(::getsid(0) == ::getpid() && ::tcgetpgrp(0) == ::getpgrp(), "the terminal is another's");
  return verdict();
}

const Enrol kInTerminal{{.id = "F17c",
                         .what = "words put into one's own terminal, and terminals more than one",
                         .run = run_in_terminal,
                         .terminal = true}};

// Landlock says it again: no command of any kind on a device.
int run_on_devices(unsigned) {
  termios terminal{};
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    const int device = ::open(path, O_RDONLY | O_CLOEXEC);
    expect(device >= 0, std::string(path) + " cannot be opened");
    expect_refused(::ioctl(device, TCGETS, &terminal), {EACCES}, std::string("TCGETS on ") + path);
  }
  return verdict();
}

const Enrol kOnDevices{{.id = "F17b",
                        .what = "commands on devices, which Landlock refuses",
                        .run = run_on_devices,
                        .landlock = 5}};

}  // namespace
}  // namespace retort::attacks
