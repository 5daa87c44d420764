// F07: files of the host by their handles, which know of no mount ("shocker").
#include <fcntl.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

struct Handle {
  unsigned bytes = 128;
  int type = 1;
  unsigned long inode[16] = {2};  // the root of an ext4
};

int run(unsigned) {
  Handle handle;
  int mount = 0;
  const char root[] = "/";
  const unsigned long here = static_cast<unsigned long>(AT_FDCWD);
  const Call calls[] = {
      {"name_to_handle_at",
       SYS_name_to_handle_at,
       {here, address_of(root), address_of(&handle), address_of(&mount), 0},
       ENOSYS},
      {"name_to_handle_at, an open file",
       SYS_name_to_handle_at,
       {0, address_of(""), address_of(&handle), address_of(&mount), AT_EMPTY_PATH},
       ENOSYS},
      {"open_by_handle_at", SYS_open_by_handle_at, {here, address_of(&handle), O_PATH}, EPERM},
      {"open_by_handle_at of nothing", SYS_open_by_handle_at, {kMinusOne, 8, O_PATH}, EPERM},
  };
  expect_answers(calls);
  return verdict();
}

const Enrol kAttack{
    {.id = "F07", .what = "open files of the host by handle", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
