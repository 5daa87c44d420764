// CacheEntry: one pass over the bytes in each direction.
#include "store/cache_entry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include "kernel/files.h"
#include "text/digest.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kMagic = "retortCC";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kChunk = std::size_t{256} << 10U;

struct Header {
  std::array<char, 8> magic{};
  std::uint32_t version = kVersion;
  std::uint32_t zero = 0;
  std::uint64_t length = 0;
  text::Digest code{};
};
static_assert(sizeof(Header) == kCacheHeaderBytes);

Header make_header(std::uint64_t length) {
  Header header{.length = length};
  std::memcpy(header.magic.data(), kMagic.data(), kMagic.size());
  return header;
}

text::HmacSha256 start_code(const Header& header, std::string_view key, std::string_view secret) {
  text::HmacSha256 code(secret);
  code.update(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, code)));
  const std::uint64_t key_length = key.size();
  code.update(std::as_bytes(std::span(&key_length, 1)));
  code.update(key);
  return code;
}

Result<std::uint64_t> size_of(const Fd& file) {
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return os_error("fstat", "cache entry");
  if (!S_ISREG(facts.st_mode)) return Error{Fault::invalid, "cache entry: not a file", 0};
  return static_cast<std::uint64_t>(facts.st_size);
}

// Up to `buffer`'s size of bytes at `place`; 0 at the end.
Result<std::size_t> read_at(const Fd& file, std::span<char> buffer, std::uint64_t place) {
  for (;;) {
    const ssize_t count =
        ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(place));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return os_error("read", "cache entry");
  }
}

// Copies `length` bytes that begin at `place`, and takes them into `code`.
Status copy(const Fd& from,
            std::uint64_t place,
            std::uint64_t length,
            const Fd& to,
            text::HmacSha256& code) {
  std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, length)), '\0');
  while (length > 0) {
    const std::span<char> part =
        std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, length)));
    RETORT_TRY(const std::size_t count, read_at(from, part, place));
    if (count == 0) return Error{Fault::invalid, "cache entry: it ends early", 0};
    const std::string_view bytes(part.data(), count);
    code.update(bytes);
    RETORT_CHECK(kernel::write_all(to, bytes));
    place += count;
    length -= count;
  }
  return {};
}

}  // namespace

Result<std::uint64_t> write_cache_entry(const Fd& entry,
                                        std::string_view key,
                                        const Fd& content,
                                        std::string_view secret) {
  RETORT_TRY(const std::uint64_t length, size_of(content));
  Header header = make_header(length);
  text::HmacSha256 code = start_code(header, key, secret);
  const auto bytes = std::as_bytes(std::span(&header, 1));
  RETORT_CHECK(kernel::write_all(entry, bytes));
  RETORT_CHECK(copy(content, 0, length, entry, code));
  header.code = code.finish();
  const ssize_t count =
      ::pwrite(entry.get(), header.code.data(), header.code.size(), offsetof(Header, code));
  if (count < 0) return os_error("write", "cache entry");
  if (static_cast<std::size_t>(count) != header.code.size()) {
    return Error{Fault::exhausted, "write cache entry: the disk is full", 0};
  }
  return kCacheHeaderBytes + length;
}

Result<Fd> read_cache_entry(const Fd& entry, std::string_view key, std::string_view secret) {
  const auto refuse = [](const char* why) {
    return Error{Fault::invalid, std::string("cache entry: ") + why, 0};
  };
  RETORT_TRY(const std::uint64_t size, size_of(entry));
  if (size < kCacheHeaderBytes) return refuse("it has no header");
  std::array<char, kCacheHeaderBytes> start{};
  RETORT_TRY(const std::size_t count, read_at(entry, start, 0));
  if (count != start.size()) return refuse("it has no header");
  Header header;
  std::memcpy(&header, start.data(), start.size());
  const Header expected = make_header(size - kCacheHeaderBytes);
  // What differs here would fail the code as well; this spares the copying.
  if (header.magic != expected.magic || header.version != expected.version ||
      header.zero != expected.zero || header.length != expected.length) {
    return refuse("its header is not one of this version and length");
  }
  RETORT_TRY(Fd content, kernel::make_memory_file("retort-cached"));
  text::HmacSha256 code = start_code(expected, key, secret);
  RETORT_CHECK(copy(entry, kCacheHeaderBytes, expected.length, content, code));
  if (!text::constant_time_equal(text::bytes_of(code.finish()), text::bytes_of(header.code))) {
    return refuse("it does not verify");
  }
  RETORT_CHECK(kernel::seal(content));
  if (::lseek(content.get(), 0, SEEK_SET) != 0) return os_error("lseek", "cache entry");
  return content;
}

}  // namespace retort::store
