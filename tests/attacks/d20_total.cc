// D20: a hundred files of holes that are each small enough, and together more than the disk.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kHoles = 100;
constexpr off_t kBytes = 1 << 20U;
constexpr int kTiny = 50'000;

// That no collection is larger than the disk is looked at in every one (runner.cc).
int run_holes(unsigned) {
  for (int i = 0; i < kHoles; ++i) {
    const int file =
        ::open(("hole" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    expect(file >= 0 && ::ftruncate(file, kBytes) == 0, "no file");
    ::close(file);
  }
  return verdict();
}

int run_tiny(unsigned) {
  for (int i = 0; i < kTiny && verdict() == 0; ++i)
    expect(write_file(std::to_string(i), "x"), "no file");
  return verdict();
}

const Enrol kHolesEnrol{{.id = "D20",
                         .what = "files of holes, together more than the disk",
                         .run = run_holes,
                         .exit_code = 0,
                         .collected = {"hole"},
                         .limits = {"disk=8MiB"}}};
const Enrol kTinyEnrol{
    {.id = "D20b",
     .what = "fifty thousand files of one byte",
     .run = run_tiny,
     .exit_code = 0,
     .collected = {". refused too many entries"},
     .limits = {
         "memory=512MiB", "disk=512MiB", "disk_inodes=100000", "cpu_time=5s", "wall_time=15s"}}};

}  // namespace
}  // namespace retort::attacks
