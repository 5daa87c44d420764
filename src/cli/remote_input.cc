// Remote input: read once, hashed as it is read.
#include "cli/remote_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "base/units.h"
#include "kernel/files.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kShort = 256U << 10U;
constexpr std::size_t kAtOnce = 64U << 10U;

// Up to `room` bytes; none at the end.
Result<std::size_t> read_some(const Fd& source, char* room, std::size_t size, int interrupt) {
  for (;;) {
    std::array<pollfd, 2> either = {pollfd{.fd = source.get(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = interrupt, .events = POLLIN, .revents = 0}};
    if (::poll(either.data(), either.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return base::os_error("poll", "stdin");
    }
    if (either[1].revents != 0) return Error{Fault::gone, "interrupted", 0};
    const ssize_t count = ::read(source.get(), room, size);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return base::os_error("read", "stdin");
  }
}

// A file without a name, which goes with its descriptor.
Result<Fd> make_spool() {
  const char* folder = std::getenv("TMPDIR");
  auto file = kernel::open_at(
      AT_FDCWD, folder != nullptr && *folder != '\0' ? folder : "/tmp", O_TMPFILE | O_RDWR, 0600);
  if (file) return file;
  return kernel::make_memory_file("retort-stdin");
}

// All that is left of the source, beginning with what was read already.
Result<RemoteInput::File> take_rest(Fd source, std::string head, int interrupt) {
  RemoteInput::File input;
  struct stat info{};
  if (::fstat(source.get(), &info) != 0) return base::os_error("fstat", "stdin");
  const bool is_file = S_ISREG(info.st_mode);
  if (is_file) {
    const off_t place = ::lseek(source.get(), 0, SEEK_CUR);
    if (place < 0) return base::os_error("lseek", "stdin");
    input.begin = static_cast<std::uint64_t>(place) - head.size();
  } else {
    RETORT_TRY(input.file, make_spool());
  }
  text::Sha256 digest;
  for (std::string chunk = std::move(head); !chunk.empty();) {
    digest.update(chunk);
    if (!is_file) RETORT_CHECK(kernel::write_all(input.file, chunk));
    input.size += chunk.size();
    if (input.size > kLargestInput) {
      return Error{Fault::invalid,
                   "stdin has more than " + base::to_text(base::ByteSize::of_bytes(kLargestInput)) +
                       ", which is the most that is sent to a server",
                   0};
    }
    chunk.resize(kAtOnce);
    RETORT_TRY(const std::size_t count, read_some(source, chunk.data(), chunk.size(), interrupt));
    chunk.resize(count);
  }
  input.sha256 = text::hex(text::bytes_of(digest.finish()));
  if (is_file) input.file = std::move(source);
  return input;
}

}  // namespace

Result<RemoteInput> read_remote_input(Fd source, int interrupt) {
  RemoteInput input;
  while (input.text.size() <= kShort) {
    const std::size_t had = input.text.size();
    input.text.resize(had + kAtOnce);
    RETORT_TRY(const std::size_t count,
               read_some(source, input.text.data() + had, kAtOnce, interrupt));
    input.text.resize(had + count);
    if (count == 0) return input;
  }
  RETORT_TRY(input.file, take_rest(std::move(source), std::exchange(input.text, {}), interrupt));
  return input;
}

}  // namespace retort::cli
