// L02: take memory and give it back before anyone looks.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

void take_and_free(std::uint64_t bytes) {
  char* memory = touch(bytes);
  expect(memory != nullptr, "no memory");
  if (memory != nullptr) ::munmap(memory, bytes);
}

int run_within(unsigned) {
  constexpr std::uint64_t kBytes = 90U << 20U;
  take_and_free(kBytes);
  say("memory_bytes", kBytes);
  return verdict();
}

int run_over(unsigned) {
  take_and_free(128U << 20U);
  return 0;
}

// In a child that is gone, and forgotten, long before the end.
int run_child(unsigned) {
  constexpr std::uint64_t kBytes = 90U << 20U;
  wait_for(spawn([] {
    touch(kBytes);
    return 0;
  }));
  rest(std::chrono::milliseconds(100));
  say("memory_bytes", kBytes);
  return verdict();
}

const Enrol kWithin{{.id = "L02",
                     .what = "memory that is free again before the end",
                     .run = run_within,
                     .exit_code = 0,
                     .cells = {.count = 5, .order = Cells::Order::in_turn},
                     .accounting = true}};
const Enrol kOver{{.id = "L02b",
                   .what = "twice the memory for a moment",
                   .run = run_over,
                   .statuses = {"memory_limit"},
                   .signal = 9,
                   .limits_hit = {"memory"},
                   .limits = {"memory=64MiB"},
                   .cells = {.count = 5, .order = Cells::Order::in_turn}}};
const Enrol kChild{{.id = "L02c",
                    .what = "memory of a child that is gone before the end",
                    .run = run_child,
                    .exit_code = 0,
                    .accounting = true}};

}  // namespace
}  // namespace retort::attacks
