// Output files: openat2 below the caller's folder, one component at a time.
#include "job/output_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "cell/bundle.h"
#include "kernel/files.h"
#include "runtime/command.h"

namespace retort::job {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

constexpr const char* kPart = ".retort-part";

// Writes one file; an Error is a reason for that file alone.
Status write_file(const Fd& root, cell::BundleReader& reader, const cell::RecordStart& record) {
  RETORT_CHECK(runtime::validate_file_name(record.name));
  if (record.kind == cell::Record::directory) {
    std::string name = record.name + "/";
    RETORT_TRY(const Fd made, kernel::open_parent(root, name, 0777));
    return {};
  }
  std::string name = record.name;
  RETORT_TRY(const Fd parent, kernel::open_parent(root, name, 0777));
  const mode_t mode = (record.mode & 0111U) != 0 ? 0777 : 0666;
  struct stat there{};
  if (::fstatat(parent.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(there.st_mode)) {
    return Error{Fault::invalid, "what has its name there is not a file", 0};
  }
  // Whole or not at all: beside the file of that name first, and then in its place.
  (void)::unlinkat(parent.get(), kPart, 0);
  RETORT_TRY(const Fd out,
             kernel::open_beneath(parent, kPart, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  auto written = reader.copy_to(record, out);
  if (written && ::renameat(parent.get(), kPart, parent.get(), name.c_str()) != 0)
    written = base::os_error("rename", base::printable(name));
  if (!written) (void)::unlinkat(parent.get(), kPart, 0);
  return written;
}

// Takes one file's bytes; an Error is a reason for that file alone.
using Taker =
    std::function<Status(cell::BundleReader&, const cell::RecordStart&, OutputFile& file)>;

// The next entry; nothing at the end. An Error means that the bundle breaks off here.
Result<std::optional<OutputFile>> next_entry(const Fd& collected,
                                             cell::BundleReader& reader,
                                             const Taker& take) {
  RETORT_TRY(const cell::RecordStart record, reader.next());
  if (record.kind == cell::Record::end) return std::optional<OutputFile>();
  OutputFile file{.name = record.name,
                  .is_folder = record.kind == cell::Record::directory,
                  .executable = record.kind == cell::Record::file && (record.mode & 0111U) != 0,
                  .size = record.size,
                  .refused = ""};
  if (record.kind == cell::Record::refused) {
    RETORT_TRY(const auto why, reader.take_text(record, cell::kLongestWord));
    file.refused = base::printable(why);
    if (file.refused.empty()) file.refused = "not collected";
    return std::optional(file);
  }
  if (record.kind != cell::Record::file && record.kind != cell::Record::directory)
    return Error{Fault::invalid, "bundle: a record that does not come out", 0};
  const off_t begin = ::lseek(collected.get(), 0, SEEK_CUR);
  if (auto taken = take(reader, record, file); !taken) file.refused = taken.error().what;
  if (::lseek(collected.get(), begin + static_cast<off_t>(record.size), SEEK_SET) < 0) {
    return base::os_error("lseek", "");
  }
  return std::optional(std::move(file));
}

std::vector<OutputFile> take_output_files(const Fd& collected, const Taker& take) {
  std::vector<OutputFile> files;
  cell::BundleReader reader(collected);
  for (;;) {
    auto entry = next_entry(collected, reader, take);
    if (!entry) {
      files.push_back(
          {.name = ".",
           .size = 0,
           .refused = "the collection was cut off; run it again, or see retort doctor"});
      return files;
    }
    if (!*entry) return files;
    files.push_back(**std::move(entry));
  }
}

}  // namespace

std::vector<OutputFile> write_output_files(const Fd& collected, const Fd& folder) {
  return take_output_files(collected, [&](auto& reader, const auto& record, OutputFile&) {
    return write_file(folder, reader, record);
  });
}

std::vector<OutputFile> read_output_files(const Fd& collected, base::ByteSize most) {
  std::uint64_t left = most.bytes();
  return take_output_files(
      collected, [&](auto& reader, const auto& record, OutputFile& file) -> Status {
        if (record.kind != cell::Record::file) return {};
        if (record.size > left) {
          return Error{Fault::exhausted,
                       "all files together may have " + base::to_text(most) + " in an answer",
                       0};
        }
        RETORT_TRY(file.content, reader.take_text(record, left));
        left -= record.size;
        return {};
      });
}

}  // namespace retort::job
