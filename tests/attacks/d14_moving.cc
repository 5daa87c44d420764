// D14: a file that grows, shrinks and changes by a mapping while it is collected.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr off_t kSmall = 4096;
constexpr off_t kLarge = 4 << 20U;
constexpr int kMost = 1'000'000;

int run(unsigned) {
  const int file = ::open("moving", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  expect(file >= 0 && ::ftruncate(file, kLarge) == 0, "no file");
  void* mapping = ::mmap(nullptr, kSmall, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  expect(mapping != MAP_FAILED, "no mapping");
  spawn([=] {
    ::setsid();
    for (int i = 0; i < kMost; ++i) {
      (void)!::ftruncate(file, i % 2 == 0 ? kSmall : kLarge);
      static_cast<char*>(mapping)[i % kSmall] = static_cast<char>(i);
    }
    return 0;
  });
  rest(20ms);
  return verdict();
}

const Enrol kAttack{{.id = "D14",
                     .what = "a file that changes while it is collected",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"moving "},
                     .collected_not = {"moving refused"},
                     .cells = {.count = 10, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
