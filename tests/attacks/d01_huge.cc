// D01: one huge file: written, reserved, and written with the signal for it left as it is.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kFileSize = 8U << 20U;

std::uint64_t write_to_end(int file) {
  const std::string block(65536, 'x');
  std::uint64_t written = 0;
  while (written < 2 * kFileSize) {
    const ssize_t count = ::write(file, block.data(), block.size());
    if (count < 0) break;
    written += static_cast<std::uint64_t>(count);
  }
  return written;
}

int run_write(unsigned place) {
  if (place == 0) (void)::signal(SIGXFSZ, SIG_IGN);
  const int file = ::open("huge", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  const std::uint64_t written = write_to_end(file);
  expect(errno == EFBIG && written == kFileSize, "wrote " + std::to_string(written) + " bytes");
  expect_refused(::ftruncate(file, 2 * kFileSize), {EFBIG}, "a longer file");
  expect_refused(::fallocate(file, 0, 0, 2 * kFileSize), {EFBIG}, "a reserved file");
  return verdict();
}

int run_signal(unsigned) {
  write_to_end(::open("huge", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  return 0;
}

int run_reserve(unsigned) {
  const int file = ::open("huge", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  expect_refused(::fallocate(file, 0, 0, 2 * kFileSize), {ENOSPC}, "more than the disk");
  expect_refused(::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 2 * kFileSize), {ENOSPC}, "the same");
  return verdict();
}

const Enrol kWrite{{.id = "D01",
                    .what = "one huge file",
                    .run = run_write,
                    .exit_code = 0,
                    .limits_hit = {"file_size"},
                    .collected = {"huge 8388608"},
                    .limits = {"file_size=8MiB", "disk=32MiB"}}};
const Enrol kSignal{{.id = "D01b",
                     .what = "one huge file, until the signal for it comes",
                     .run = run_signal,
                     .statuses = {"disk_limit"},
                     .signal = SIGXFSZ,
                     .limits_hit = {"file_size"},
                     .limits = {"file_size=8MiB", "disk=32MiB"}}};
const Enrol kReserve{{.id = "D01c",
                      .what = "reserve more than the disk",
                      .run = run_reserve,
                      .exit_code = 0,
                      .limits = {"file_size=64MiB", "disk=8MiB"}}};

}  // namespace
}  // namespace retort::attacks
