// F01: descriptors that were left open by whoever made the cell.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 1 << 20;

int run(unsigned) {
  for (int number = 0; number < kMost; ++number) {
    const bool is_open = ::fcntl(number, F_GETFD) >= 0;
    if (is_open == (number <= 2)) continue;
    struct stat info{};
    (void)::fstat(number, &info);
    breach("descriptor " + std::to_string(number) + (is_open ? " is open" : " is not open") +
           ", mode " + std::to_string(info.st_mode));
  }
  // The three themselves are pipes: no socket, no folder, no terminal.
  for (int number = 0; number <= 2; ++number) {
    struct stat info{};
    expect(::fstat(number, &info) == 0 && S_ISFIFO(info.st_mode), "a stream is not a pipe");
    expect(::isatty(number) == 0, "a stream is a terminal");
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  expect(files.rlim_max == 1024, "open_files is " + std::to_string(files.rlim_max));
  expect(list_folder("/proc/self/fd").size() == 4, "/proc/self/fd lists more than 0, 1, 2, itself");
  return verdict();
}

const Enrol kAttack{
    {.id = "F01", .what = "look for descriptors from outside", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
