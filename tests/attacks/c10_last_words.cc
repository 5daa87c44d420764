// C10: a flood in the last milliseconds before the limit; words in signal handlers and at the end.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

// Much more than is kept, and less than what a job is ended for by itself.
constexpr std::uint64_t kMost = 8U << 20U;

void flood() {
  const std::string block(65536, 'x');
  for (std::uint64_t written = 0; written < kMost; written += block.size())
    (void)!::write(1, block.data(), block.size());
}

int run_flood(unsigned) {
  burn(90ms);
  flood();
  burn(200ms);
  return 0;
}

// The limit ends it without a word: neither handler runs.
int run_handlers(unsigned) {
  for (const int number : {SIGXCPU, SIGTERM, SIGPROF, SIGVTALRM, SIGALRM}) {
    (void)::signal(number, [](int) {
      (void)!::write(1, "last words\n", 11);
      ::_exit(0);
    });
  }
  (void)std::atexit([] { (void)!::write(1, "last words\n", 11); });
  burn(200ms);
  std::exit(0);
}

const Enrol kFlood{{.id = "C10",
                    .what = "a flood just before the limit, twenty times",
                    .run = run_flood,
                    .statuses = {"output_limit"},
                    .signal = 9,
                    .limits_hit = {"output", "cpu_time"},
                    .kept_bytes = 16U << 10U,
                    .limits = {"cpu_time=100ms", "output=16KiB"},
                    .cells = {.count = 20, .order = Cells::Order::in_turn}}};
const Enrol kHandlers{{.id = "C10b",
                       .what = "last words at the limit, twenty times",
                       .run = run_handlers,
                       .statuses = {"cpu_time_limit"},
                       .signal = 9,
                       .limits_hit = {"cpu_time"},
                       .says_not = {"last words"},
                       .limits = {"cpu_time=50ms"},
                       .cells = {.count = 20, .order = Cells::Order::in_turn}}};
const Enrol kAtOnce{{.id = "C10c",
                     .what = "a flood just before the limit, in eight cells at once",
                     .run = run_flood,
                     .statuses = {"output_limit"},
                     .signal = 9,
                     .limits_hit = {"output", "cpu_time"},
                     .kept_bytes = 16U << 10U,
                     .limits = {"cpu_time=100ms", "wall_time=10s", "output=16KiB"},
                     .cells = {.count = 8, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
