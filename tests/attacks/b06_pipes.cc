// B06: hundreds of pipes of a mebibyte, full; and the kernel's bound of pipe pages for each user,
// which must not be shared with another cell.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kMebibyte = 1 << 20U;
constexpr int kMost = 64;        // twice the limit
constexpr int kWithinUser = 48;  // of the 64 MiB that an ordinary user may have (pipe(7))

int run_full(unsigned) {
  const std::string block(65536, 'x');
  for (int i = 0; i < kMost; ++i) {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) breach("no pipe");
    (void)::fcntl(ends[1], F_SETPIPE_SZ, kMebibyte);
    while (::write(ends[1], block.data(), block.size()) > 0) {
    }
  }
  return 0;
}

int run_shared(unsigned) {
  for (int i = 0; i < kWithinUser; ++i) {
    int ends[2];
    expect(::pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    expect(::fcntl(ends[1], F_SETPIPE_SZ, kMebibyte) >= kMebibyte,
           "another cell took what this one may have");
  }
  rest(300ms);
  return verdict();
}

const Enrol kFull{{.id = "B06",
                   .what = "pipes of a mebibyte, full",
                   .run = run_full,
                   .statuses = {"memory_limit"},
                   .signal = 9,
                   .limits_hit = {"memory"},
                   .limits = {"memory=32MiB"}}};
const Enrol kShared{{.id = "B06b",
                     .what = "the user's pipe pages, in three cells at once",
                     .run = run_shared,
                     .exit_code = 0,
                     .cells = {.count = 3, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
