// C09: the words of judges and supervisors, on every descriptor.
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr int kEnd = 3;  // what the verdict must be made of
constexpr std::string_view kWords[] = {
    "timelimit exceeded\n",
    "status:TO\nexitcode:0\nkilled:1\n",
    "{\"status\":\"ok\",\"exit_code\":0}\n",
    "Accepted\n",
    std::string_view("\0\0\0\1\0\0\0\0\x10\0\0\0ok\0\0", 16),
    "Command terminated by signal 9\n",
};

int run(unsigned) {
  for (const std::string_view words : kWords) {
    for (const int stream : {1, 2}) (void)!::write(stream, words.data(), words.size());
    for (int number = 3; number < 1024; ++number) {
      expect_refused(::write(number, words.data(), words.size()),
                     {EBADF},
                     "writing to descriptor " + std::to_string(number));
    }
    // Its own input, were it a socket.
    expect_refused(::write(0, words.data(), words.size()), {EBADF}, "writing to descriptor 0");
  }
  return verdict() == 0 ? kEnd : 1;
}

const Enrol kAttack{{.id = "C09",
                     .what = "forge the words of a supervisor",
                     .run = run,
                     .statuses = {"nonzero_exit"},
                     .exit_code = kEnd,
                     .says = {"Accepted\n"}}};

}  // namespace
}  // namespace retort::attacks
