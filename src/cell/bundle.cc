// Bundle: headers, bounds, and copying through a small buffer.
#include "cell/bundle.h"

#include <sys/sendfile.h>

#include <algorithm>
#include <span>

#include "kernel/files.h"

namespace retort::cell {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

constexpr std::uint64_t kLargestCopy = 1U << 30U;

bool has_data(Record kind) {
  return kind != Record::end && kind != Record::directory && kind != Record::collect;
}

Error broken(const std::string& what) {
  return Error{Fault::invalid, "bundle: " + what, 0};
}

}  // namespace

Status BundleWriter::begin(Record kind,
                           std::string_view name,
                           std::uint64_t size,
                           std::uint32_t mode) {
  if (name.size() > kLongestName) return broken("a name of more than 4096 bytes");
  const RecordHeader header{.kind = kind,
                            .mode = mode,
                            .name_length = static_cast<std::uint32_t>(name.size()),
                            .reserved = 0,
                            .size = size};
  RETORT_CHECK(kernel::write_all(out_, std::as_bytes(std::span(&header, 1))));
  return kernel::write_all(out_, name);
}

Status BundleWriter::add(Record kind,
                         std::string_view name,
                         std::string_view data,
                         std::uint32_t mode) {
  RETORT_CHECK(begin(kind, name, data.size(), mode));
  return kernel::write_all(out_, data);
}

Result<RecordStart> BundleReader::next() {
  RecordHeader header;
  RETORT_TRY(const std::size_t count,
             kernel::read_full(in_, std::as_writable_bytes(std::span(&header, 1))));
  if (count != sizeof header) return broken("it breaks off");
  if (header.kind < Record::end || header.kind > Record::refused)
    return broken("an unknown record");
  if (header.name_length > kLongestName) return broken("a name of more than 4096 bytes");
  // Readers that are not interested pass over `size` bytes: they must get on by it.
  if (header.size > kLargestData) return broken("a record larger than any file");
  if (header.size != 0 && !has_data(header.kind)) return broken("data where there can be none");
  RecordStart record{.kind = header.kind,
                     .mode = header.mode,
                     .name = std::string(header.name_length, '\0'),
                     .size = header.size};
  RETORT_TRY(const std::size_t name_count,
             kernel::read_full(in_, std::as_writable_bytes(std::span(record.name))));
  if (name_count != record.name.size()) return broken("it breaks off");
  return record;
}

Result<std::string> BundleReader::take_text(const RecordStart& record, std::uint64_t largest) {
  if (record.size > largest)
    return broken("a record of more than " + std::to_string(largest) + " bytes");
  std::string data(record.size, '\0');
  RETORT_TRY(const std::size_t count,
             kernel::read_full(in_, std::as_writable_bytes(std::span(data))));
  if (count != data.size()) return broken("it breaks off");
  return data;
}

Status BundleReader::copy_to(const RecordStart& record, const Fd& out) {
  for (std::uint64_t left = record.size; left > 0;) {
    const ssize_t count =
        ::sendfile(out.get(), in_.get(), nullptr, std::min<std::uint64_t>(left, kLargestCopy));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::os_error("sendfile", "a bundled file");
    if (count == 0) return broken("it breaks off");
    left -= static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace retort::cell
