// B04: memory that is nobody's own: /dev/shm, System V, memory files, shared mappings, files
// without a name.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 128U << 20U;  // twice the limit

void touch_mapping(int file) {
  const int kind = file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
  void* memory = ::mmap(nullptr, kMost, PROT_READ | PROT_WRITE, kind, file, 0);
  expect(memory != MAP_FAILED, "no shared mapping");
  if (memory == MAP_FAILED) return;
  for (std::uint64_t at = 0; at < kMost; at += 4096) static_cast<char*>(memory)[at] = 1;
}

void touch_file(int file) {
  expect(file >= 0 && ::ftruncate(file, kMost) == 0, "no file");
  touch_mapping(file);
}

void touch_segment() {
  const int segment = ::shmget(IPC_PRIVATE, kMost, IPC_CREAT | 0600);
  expect(segment >= 0, "no segment");
  auto* memory = static_cast<char*>(::shmat(segment, nullptr, 0));
  for (std::uint64_t at = 0; segment >= 0 && at < kMost; at += 4096) memory[at] = 1;
}

int run(unsigned place) {
  switch (place) {
    case 0:
      touch_file(::open("/dev/shm/bomb", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
      break;
    case 1:
      touch_segment();
      break;
    case 2:
      touch_file(::memfd_create("bomb", MFD_CLOEXEC));
      break;
    case 3:
      touch_mapping(-1);
      break;
    default:
      touch_file(::open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  }
  return verdict();
}

const Enrol kAttack{{.id = "B04",
                     .what = "shared memory of five kinds",
                     .run = run,
                     .statuses = {"memory_limit"},
                     .signal = 9,
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB", "disk=256MiB", "file_size=256MiB"},
                     .cells = {.count = 5, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
