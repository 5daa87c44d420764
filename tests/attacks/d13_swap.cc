// D13: a folder and a link that change places all the time, also after the program has ended.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMost = 2'000'000;

int run(unsigned) {
  expect(::mkdir("place", 0755) == 0 && write_file("place/file", "x"), "no folder");
  expect(::symlink("/etc", "link") == 0, "no link");
  spawn([] {
    ::setsid();
    for (int i = 0; i < kMost; ++i)
      (void)::renameat2(AT_FDCWD, "place", AT_FDCWD, "link", RENAME_EXCHANGE);
    return 0;
  });
  rest(20ms);
  return verdict();
}

const Enrol kAttack{
    {.id = "D13",
     .what = "a folder and a link change places while files are collected",
     .run = run,
     .exit_code = 0,
     .collected = {"place", "link"},
     .collected_not =
         {"place/passwd", "link/passwd", "place/hosts", "link/hosts", "place/group", "link/group"},
     .cells = {.count = 10, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
