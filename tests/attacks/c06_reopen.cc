// C06: close the streams, open them again by name, and take back what was written.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

void put(int stream, const std::string& text) {
  expect(::write(stream, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
         "could not write '" + text + "'");
}

int run(unsigned) {
  put(1, "one ");
  const int again = ::open("/proc/self/fd/1", O_WRONLY | O_TRUNC | O_CLOEXEC);
  expect(again > 2, "/proc/self/fd/1 cannot be opened");
  expect_refused(::ftruncate(1, 0), {EINVAL}, "ftruncate");
  expect_refused(::lseek(1, 0, SEEK_SET), {ESPIPE}, "lseek");
  expect_refused(::pwrite(1, "two", 3, 0), {ESPIPE}, "pwrite");
  for (const int stream : {0, 1, 2}) ::close(stream);
  put(again, "two ");
  // The lowest numbers are free: whatever is opened now is 0, 1, 2.
  const std::string path = "/proc/self/fd/" + std::to_string(again);
  for (const int stream : {0, 1, 2}) {
    if (::open(path.c_str(), O_WRONLY | O_CLOEXEC) != stream) return 1;
  }
  put(2, "three\n");
  return verdict();
}

std::string all() {
  return "one two three\n";
}

const Enrol kAttack{{.id = "C06",
                     .what = "reopen the streams, and take back what was written",
                     .run = run,
                     .exit_code = 0,
                     .prints = all}};

}  // namespace
}  // namespace retort::attacks
