// C02: stderr without end; both streams; one byte at a time in turn.
#include <unistd.h>

#include <cstdint>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 8U << 20U;
constexpr int kBytes = 20'000;  // of each stream; five times the limit

void flood(int stream) {
  const std::string block(65536, 'x');
  for (std::uint64_t written = 0; written < kMost; written += block.size())
    (void)!::write(stream, block.data(), block.size());
}

int run_stderr(unsigned) {
  flood(2);
  return 0;
}

int run_both(unsigned) {
  const pid_t child = spawn([] {
    flood(2);
    return 0;
  });
  flood(1);
  wait_for(child);
  return 0;
}

// What the writes cost is the job's: they take more than its limit of CPU time allows for.
int run_slowly(unsigned) {
  const auto before = cpu_used();
  for (int i = 0; i < kBytes; ++i) {
    (void)!::write(1, "x", 1);
    (void)!::write(2, "x", 1);
  }
  // The end of what is written is kept.
  (void)!::write(1, "\n", 1);
  say("cpu_us", static_cast<std::uint64_t>((cpu_used() - before).count()));
  return 0;
}

const Enrol kStderr{{.id = "C02",
                     .what = "8 MiB on stderr",
                     .run = run_stderr,
                     .statuses = {"output_limit"},
                     .exit_code = 0,
                     .limits_hit = {"output"},
                     .kept_bytes = 256U << 10U,
                     .limits = {"output=256KiB"}}};
const Enrol kBoth{{.id = "C02b",
                   .what = "8 MiB on both streams at once",
                   .run = run_both,
                   .statuses = {"output_limit"},
                   .exit_code = 0,
                   .limits_hit = {"output"},
                   .kept_bytes = 256U << 10U,
                   .limits = {"output=256KiB"}}};
const Enrol kSlowly{{.id = "C02c",
                     .what = "both streams, a byte at a time in turn",
                     .run = run_slowly,
                     .statuses = {"output_limit"},
                     .exit_code = 0,
                     .limits_hit = {"output"},
                     .kept_bytes = 4096,
                     .limits = {"output=4KiB"},
                     .accounting = true}};

}  // namespace
}  // namespace retort::attacks
