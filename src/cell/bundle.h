// Bundle: a stream of records that carries a program's words and files into a cell, and collected
// files out of it.
//
// A record is a fixed header, a name and `size` bytes of data. Both ends check every length against
// the bounds below before they use it, since either end may face a stranger.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace retort::cell {

enum class Record : std::uint32_t {
  end = 1,    // the stream is whole
  argument,   // one element of the argument vector; the first is what is executed
  variable,   // one environment entry, "NAME=value"
  directory,  // an empty directory
  file,       // a regular file; `mode` holds 0755 or 0644
  collect,    // a name whose file or tree is wanted back; "." is everything
  refused,    // out of the cell only: `name` was not collected, and the data says why
};

struct RecordHeader {
  Record kind = Record::end;
  std::uint32_t mode = 0;
  std::uint32_t name_length = 0;
  std::uint32_t reserved = 0;
  std::uint64_t size = 0;
};
static_assert(sizeof(RecordHeader) == 24);

constexpr std::uint32_t kLongestName = 4096;
// Further on than any file can be: that an offset moves by this much cannot overflow it.
constexpr std::uint64_t kLargestData = 1ULL << 62U;
// One argument or variable: MAX_ARG_STRLEN of execve(2).
constexpr std::uint64_t kLongestWord = 128U << 10U;

// Writes records to a descriptor that takes whole writes (a memory file, a pipe).
class BundleWriter {
 public:
  explicit BundleWriter(const base::Fd& out) : out_(out) {}

  base::Status add(Record kind,
                   std::string_view name,
                   std::string_view data,
                   std::uint32_t mode = 0);
  // The header of a record whose `size` bytes the caller writes next.
  base::Status begin(Record kind,
                     std::string_view name,
                     std::uint64_t size,
                     std::uint32_t mode = 0);
  base::Status end() { return add(Record::end, "", ""); }

 private:
  const base::Fd& out_;
};

struct RecordStart {
  Record kind = Record::end;
  std::uint32_t mode = 0;
  std::string name;
  std::uint64_t size = 0;
};

// Reads records in order from a memory file. A stream that breaks off or breaks a bound is
// Fault::invalid.
class BundleReader {
 public:
  explicit BundleReader(const base::Fd& in) : in_(in) {}

  // The next record, whose data is at most kLargestData bytes, and none where the kind has none. It
  // must then be taken whole, by one of the two calls below or by moving on in the file.
  base::Result<RecordStart> next();
  base::Result<std::string> take_text(const RecordStart& record, std::uint64_t largest);
  base::Status copy_to(const RecordStart& record, const base::Fd& out);

 private:
  const base::Fd& in_;
};

}  // namespace retort::cell
