// H12: memory and files that nobody has written yet hold what the cell before had there.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr std::size_t kBytes = 16U << 20U;
constexpr int kPattern = 0x5A;

// Zeros until here; the pattern from here on, for the next cell.
void look_and_fill(void* memory, const std::string& what) {
  if (memory == MAP_FAILED) return breach(what + " cannot be had");
  auto* const bytes = static_cast<unsigned char*>(memory);
  expect(std::all_of(bytes, bytes + kBytes, [](unsigned char byte) { return byte == 0; }),
         what + " is not zeros");
  std::memset(memory, kPattern, kBytes);
}

void look_at_file(const std::string& path, bool allocate) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool sized =
      allocate ? ::posix_fallocate(file, 0, kBytes) == 0 : ::ftruncate(file, kBytes) == 0;
  expect(sized, path + " cannot be had");
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  look_and_fill(memory, path);
  ::munmap(memory, kBytes);
  ::close(file);
  ::unlink(path.c_str());
}

int run(unsigned) {
  for (const bool huge : {false, true}) {
    void* memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)::madvise(memory, kBytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    look_and_fill(memory, huge ? "memory of huge pages" : "memory");
    ::munmap(memory, kBytes);
  }
  look_at_file("/tmp/allocated", true);
  look_at_file("/dev/shm/holes", false);
  const int id = ::shmget(IPC_PRIVATE, kBytes, IPC_CREAT | 0600);
  void* shared = ::shmat(id, nullptr, 0);
  look_and_fill(shared, "System V memory");
  ::shmctl(id, IPC_RMID, nullptr);
  return verdict();
}

const Enrol kAttack{{.id = "H12",
                     .what = "memory and files nobody has written yet",
                     .run = run,
                     .cells = {.count = 3, .order = Cells::Order::in_turn},
                     .portable = true}};

}  // namespace
}  // namespace retort::attacks
