// Stream modes: endings, and what a program does with its standard streams.
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "probe/probe.h"

namespace retort::probe {
namespace {

int mode_exit(const Words& words) {
  return static_cast<int>(number(word(words, 0)));
}

int mode_signal(const Words& words) {
  ::kill(::getpid(), static_cast<int>(number(word(words, 0))));
  return 0;
}

int mode_echo(const Words&) {
  std::vector<char> buffer(64U << 10U);
  for (;;) {
    const ssize_t count = ::read(0, buffer.data(), buffer.size());
    if (count < 0) return complain("read");
    if (count == 0) return 0;
    if (!write_all(1, buffer.data(), static_cast<std::size_t>(count))) return complain("write");
  }
}

int mode_args(const Words& words) {
  for (const std::string& text : words) std::printf("%s\n", text.c_str());
  return 0;
}

int mode_count_stdin(const Words&) {
  std::vector<char> buffer(64U << 10U);
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t count = ::read(0, buffer.data(), buffer.size());
    if (count < 0) return complain("read");
    if (count == 0) break;
    total += static_cast<std::uint64_t>(count);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(total));
  return 0;
}

int mode_write_stdout(const Words& words) {
  return write_counted(1, number(word(words, 0))) ? 0 : complain("write");
}

int mode_write_stderr(const Words& words) {
  return write_counted(2, number(word(words, 0))) ? 0 : 1;
}

int mode_byte_then_write(const Words& words) {
  if (!hear(0)) return complain("read");
  return mode_write_stdout(words);
}

int mode_flood(const Words&) {
  while (write_counted(1, 1U << 20U)) {
  }
  return complain("write");
}

int mode_close_streams(const Words& words) {
  for (const int stream : {0, 1, 2}) ::close(stream);
  sleep_for(number(word(words, 0)));
  return 0;
}

int mode_daemon(const Words&) {
  const pid_t child = ::fork();
  if (child < 0) return complain("fork");
  if (child > 0) return wait_for(child);
  ::setsid();
  const pid_t grandchild = ::fork();
  if (grandchild != 0) ::_exit(grandchild < 0 ? 1 : 0);
  std::printf("daemon\n");
  std::fflush(stdout);
  for (;;) ::pause();
}

constexpr std::array kModes = {
    Mode{"exit", "N", "ends with exit code N", mode_exit},
    Mode{"signal", "N", "sends itself signal N", mode_signal},
    Mode{"echo", "", "stdin to stdout", mode_echo},
    Mode{"args", "WORD…", "prints its arguments, one a line", mode_args},
    Mode{"count-stdin", "", "prints how many bytes stdin held", mode_count_stdin},
    Mode{"write-stdout", "BYTES", "writes numbered lines to stdout", mode_write_stdout},
    Mode{"write-stderr", "BYTES", "writes numbered lines to stderr", mode_write_stderr},
    Mode{"byte-then-write", "BYTES", "reads one byte, then writes to stdout", mode_byte_then_write},
    Mode{"flood", "", "writes to stdout without end", mode_flood},
    Mode{"close-streams", "MS", "closes 0, 1 and 2, and ends that much later", mode_close_streams},
    Mode{"daemon", "", "leaves a process of a session of its own that holds stdout", mode_daemon},
};

}  // namespace

std::span<const Mode> stream_modes() {
  return kModes;
}

}  // namespace retort::probe
