// C04: much on stdin, and a program that does not read it, closes it, or reads it all.
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kBytes = 256U << 20U;

int run_nothing(unsigned place) {
  if (place == 1) ::close(0);
  rest(100ms);
  return 0;
}

int run_all(unsigned) {
  std::vector<char> buffer(1U << 20U);
  std::uint64_t sum = 0;
  for (ssize_t count = 0; (count = ::read(0, buffer.data(), buffer.size())) > 0;) {
    sum += static_cast<std::uint64_t>(count);
  }
  expect(sum == kBytes, "stdin had " + std::to_string(sum) + " bytes");
  return verdict();
}

const Enrol kNothing{{.id = "C04",
                      .what = "256 MiB on stdin that nobody reads",
                      .run = run_nothing,
                      .exit_code = 0,
                      .limits = {"wall_time=1s"},
                      .stdin_bytes = kBytes,
                      .cells = {.count = 2, .order = Cells::Order::in_turn}}};
const Enrol kAll{{.id = "C04b",
                  .what = "256 MiB on stdin, all read",
                  .run = run_all,
                  .exit_code = 0,
                  .limits = {"wall_time=60s"},  // on a machine that others keep busy
                  .stdin_bytes = kBytes}};

}  // namespace
}  // namespace retort::attacks
