// D11: FIFOs instead of files: without a writer, and with one that never writes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  expect(::mkfifo("lonely", 0644) == 0 && ::mkfifo("slow", 0644) == 0, "no FIFO");
  spawn([] {
    ::setsid();
    (void)::open("slow", O_RDWR | O_CLOEXEC);
    rest(3000ms);
    return 0;
  });
  rest(20ms);
  return verdict();
}

const Enrol kAttack{{.id = "D11",
                     .what = "FIFOs instead of files",
                     .run = run,
                     .exit_code = 0,
                     .collected = {"lonely refused a FIFO", "slow refused a FIFO"}}};

}  // namespace
}  // namespace retort::attacks
