// D07: links instead of files, to the host, to whoever collects, to the parent, and hard ones.
#include <sys/stat.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  expect(::symlink("/etc/passwd", "passwd") == 0, "no link");
  expect(::symlink("/proc/self/environ", "environ") == 0, "no link");
  expect(::symlink("/proc/self/root/etc", "folder") == 0, "no link");
  expect(::symlink("..", "parent") == 0, "no link");
  expect(::symlink("loop", "loop") == 0, "no link");
  expect(write_file("/tmp/beside", "beside"), "no file");
  expect(::symlink("../tmp/beside", "beside") == 0, "no link");
  expect(write_file("first", "x") && ::link("first", "second") == 0, "no hard link");
  expect(::link("/etc/passwd", "hard") != 0, "a hard link to a file of the image");
  return verdict();
}

const Enrol kAttack{{.id = "D07",
                     .what = "links instead of files",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"passwd refused a symbolic link",
                                   "environ refused a symbolic link",
                                   "folder refused a symbolic link",
                                   "parent refused a symbolic link",
                                   "loop refused a symbolic link",
                                   "beside refused a symbolic link",
                                   "first refused has more than one link",
                                   "second refused has more than one link"},
                     .collected_not = {"folder/", "parent/", "hard"}}};

}  // namespace
}  // namespace retort::attacks
