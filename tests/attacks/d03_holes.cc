// D03: files of nothing but holes, a terabyte and a mebibyte.
#include <fcntl.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

bool make_hole(const char* name, off_t bytes) {
  const int file = ::open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  return file >= 0 && ::ftruncate(file, bytes) == 0;
}

int run(unsigned) {
  expect(make_hole("terabyte", (1LL << 40U) - 1), "no file of a terabyte");
  expect(make_hole("mebibyte", 1 << 20U), "no file of a mebibyte");
  return verdict();
}

const Enrol kAttack{
    {.id = "D03",
     .what = "files of holes",
     .run = run,
     .exit_code = 0,
     .collected = {"terabyte refused larger than what may be collected", "mebibyte 1048576"},
     .limits = {"file_size=1TiB", "disk=16MiB"}}};

}  // namespace
}  // namespace retort::attacks
