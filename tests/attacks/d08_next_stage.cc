// D08: leave links where the next job's files will be written.
#include <sys/stat.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

// Every cell finds the program that it brought and nothing else, and then lays its traps.
int run(unsigned) {
  struct stat info{};
  expect(::lstat("attack", &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1,
         "its program is not the file that was sent");
  expect(list_folder(".").size() == 1, "its folder is not empty");
  for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"})
    expect(list_folder(folder).empty(), std::string(folder) + " is not empty");
  for (const char* name : {"attack", "/tmp/attack", "/dev/shm/attack", "/var/tmp/attack"}) {
    ::unlink(name);
    expect(::symlink("/tmp/elsewhere", name) == 0, "no link");
  }
  return verdict();
}

const Enrol kAttack{{.id = "D08",
                     .what = "links where the next job's files go",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"attack refused a symbolic link"},
                     .cells = {.count = 5, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
