// A14: die slowly: many mappings, much memory in large pages, hundreds of full pipes.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMappings = 30'000;
constexpr int kPipes = 300;
constexpr std::uint64_t kBytes = 160U << 20U;

// Every second page with other rights: no two neighbours become one mapping.
bool map_often() {
  for (int i = 0; i < kMappings; ++i) {
    const int rights = i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
    if (::mmap(nullptr, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
      return false;
  }
  return true;
}

int hold_much() {
  expect(map_often(), "no mappings");
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(memory != MAP_FAILED, "no memory");
  ::madvise(memory, kBytes, MADV_HUGEPAGE);
  for (std::uint64_t at = 0; at < kBytes; at += 4096) static_cast<char*>(memory)[at] = 1;
  const std::string block(4096, 'x');
  for (int i = 0; i < kPipes; ++i) {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) breach("no pipe");
    while (::write(ends[1], block.data(), block.size()) > 0) {
    }
  }
  return verdict();
}

int run_end(unsigned) {
  return hold_much();
}

int run_wait(unsigned) {
  hold_much();
  rest(std::chrono::seconds(4));
  return 0;
}

const Enrol kEnd{{.id = "A14",
                  .what = "much to tear down at a good end",
                  .run = run_end,
                  .exit_code = 0,
                  .limits = {"memory=256MiB"}}};
const Enrol kKilled{{.id = "A14b",
                     .what = "much to tear down when it is killed",
                     .run = run_wait,
                     .statuses = {"wall_time_limit"},
                     .limits_hit = {"wall_time"},
                     .limits = {"memory=256MiB", "wall_time=2s"}}};

}  // namespace
}  // namespace retort::attacks
