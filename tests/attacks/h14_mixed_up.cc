// H14: sixty-four cells at one time, each of which says who it is.
#include <unistd.h>

#include <cstdio>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned place) {
  const std::uint64_t nonce = random_number();
  std::printf("begin of place %u.\nnonce %016lx\n", place, nonce);
  std::fflush(stdout);
  ::usleep(static_cast<useconds_t>(nonce % 200'000));
  std::printf("end of place %u.\n", place);
  return verdict();
}

const Enrol kAttack{{.id = "H14",
                     .what = "the results of sixty-four cells",
                     .run = run,
                     .says = {"begin of place {place}.", "end of place {place}."},
                     .differs = "nonce ",
                     .cells = {.count = 64, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
