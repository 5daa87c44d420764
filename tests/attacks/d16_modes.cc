// D16: files that would run as somebody else: set-id bits, file capabilities, access lists.
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

// That the bits do not go along is looked at in every collection (runner.cc).
int run(unsigned) {
  for (const mode_t mode : {06755U, 04755U, 02755U, 01777U, 07777U}) {
    const std::string name = "mode" + std::to_string(mode);
    expect(write_file(name, "x"), "no file");
    (void)::chmod(name.c_str(), mode);
  }
  const unsigned char capabilities[20] = {1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};
  expect_refused(
      ::setxattr("mode1023", "security.capability", capabilities, sizeof capabilities, 0),
      {EOPNOTSUPP},
      "file capabilities");
  expect_refused(
      ::setxattr("mode1023", "system.posix_acl_access", "x", 1, 0), {EOPNOTSUPP}, "an access list");
  expect_refused(::setxattr("mode1023", "user.note", "x", 1, 0), {EOPNOTSUPP}, "an attribute");
  return verdict();
}

const Enrol kAttack{
    {.id = "D16",
     .what = "set-id files, file capabilities, access lists",
     .run = run,
     .exit_code = 0,
     .collected = {"mode3565 1", "mode2541 1", "mode1517 1", "mode1023 1", "mode4095 1"}}};

}  // namespace
}  // namespace retort::attacks
