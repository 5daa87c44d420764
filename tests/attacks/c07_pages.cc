// C07: give pages to stdout, and change them once they have been taken.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::size_t kBytes = 64U << 10U;
constexpr int kTries = 1000;

bool is_drained() {
  for (int i = 0; i < kTries; ++i) {
    int left = 0;
    if (::ioctl(1, FIONREAD, &left) == 0 && left == 0) return true;
    rest(1ms);
  }
  return false;
}

int run(unsigned) {
  const int file = ::memfd_create("pages", MFD_CLOEXEC);
  expect(file >= 0 && ::ftruncate(file, kBytes) == 0, "no pages");
  void* pages = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (pages == MAP_FAILED) return 1;
  std::memset(pages, 'a', kBytes);
  const iovec gift{.iov_base = pages, .iov_len = kBytes};
  expect_refused(::vmsplice(1, &gift, 1, SPLICE_F_GIFT), {ENOSYS}, "vmsplice");
  expect_refused(::splice(file, nullptr, 1, nullptr, kBytes, 0), {ENOSYS}, "splice");
  expect_refused(::tee(0, 1, kBytes, 0), {ENOSYS}, "tee");
  // Also without a copy, and for real programs.
  off_t at = 0;
  while (at < static_cast<off_t>(kBytes) && ::sendfile(1, file, &at, kBytes) > 0) {
  }
  expect(at == static_cast<off_t>(kBytes), "sendfile");
  expect(is_drained(), "nobody reads stdout");
  rest(20ms);
  std::memset(pages, 'b', kBytes);
  return verdict();
}

std::string all() {
  std::string text(kBytes, 'a');
  return text;
}

const Enrol kAttack{{.id = "C07",
                     .what = "change pages after they were written",
                     .run = run,
                     .exit_code = 0,
                     .prints = all}};

}  // namespace
}  // namespace retort::attacks
