// C01: stdout without end.
#include <unistd.h>

#include <cstdint>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kMost = 8U << 20U;

int run_much(unsigned) {
  const std::string block(65536, 'x');
  for (std::uint64_t written = 0; written < kMost; written += block.size())
    (void)!::write(1, block.data(), block.size());
  return 0;
}

int run_for_ever(unsigned) {
  end_after(2000ms);
  const std::string block(65536, 'x');
  while (::write(1, block.data(), block.size()) > 0) {
  }
  return 0;
}

const Enrol kMuch{{.id = "C01",
                   .what = "8 MiB on stdout, and a good end",
                   .run = run_much,
                   .statuses = {"output_limit"},
                   .exit_code = 0,
                   .limits_hit = {"output"},
                   .kept_bytes = 256U << 10U,
                   .limits = {"output=256KiB"}}};
const Enrol kForEver{{.id = "C01b",
                      .what = "stdout until it is killed",
                      .run = run_for_ever,
                      .statuses = {"output_limit"},
                      .signal = 9,
                      .limits_hit = {"output"},
                      .kept_bytes = 256U << 10U,
                      .limits = {"output=256KiB"}}};

}  // namespace
}  // namespace retort::attacks
