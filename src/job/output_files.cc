// Output files: openat2 below the caller's folder, one component at a time.
#include "job/output_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

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

// The folder that `name` lies in, made where it is missing; `name` becomes its last component.
Result<Fd> open_parent(const Fd& root, std::string& name) {
  RETORT_TRY(Fd folder, kernel::open_beneath(root, ".", O_PATH | O_DIRECTORY));
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/')) {
    const std::string component = name.substr(0, slash);
    RETORT_CHECK(kernel::make_directory(folder.get(), component, 0777));
    RETORT_TRY(Fd below, kernel::open_beneath(folder, component, O_PATH | O_DIRECTORY));
    folder = std::move(below);
    name.erase(0, slash + 1);
  }
  return folder;
}

// A file as large as the input of its name, with the same bytes, is that input.
Result<bool> is_unchanged(const Fd& collected,
                          const cell::RecordStart& record,
                          const std::vector<SourceFile>& inputs) {
  const auto input = std::ranges::find(inputs, record.name, &SourceFile::name);
  if (input == inputs.end() || input->content.size() != record.size) return false;
  const off_t begin = ::lseek(collected.get(), 0, SEEK_CUR);
  std::string content(record.size, '\0');
  RETORT_TRY(const std::size_t count,
             kernel::read_full(collected, std::as_writable_bytes(std::span(content))));
  if (count == content.size() && content == input->content) return true;
  if (::lseek(collected.get(), begin, SEEK_SET) < 0) return base::os_error("lseek", "");
  return false;
}

}  // namespace

Result<std::vector<OutputFile>> write_output_files(const Fd& collected,
                                                   const std::vector<SourceFile>& inputs,
                                                   const std::string& folder) {
  std::vector<OutputFile> files;
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, folder, 0777));
  RETORT_TRY(const Fd root, kernel::open_at(AT_FDCWD, folder, O_PATH | O_DIRECTORY));
  cell::BundleReader reader(collected);
  const auto skip = [&](const cell::RecordStart& record) -> Status {
    if (::lseek(collected.get(), static_cast<off_t>(record.size), SEEK_CUR) < 0)
      return base::os_error("lseek", "");
    return {};
  };
  for (;;) {
    RETORT_TRY(const cell::RecordStart record, reader.next());
    if (record.kind == cell::Record::end) return files;
    OutputFile file{.name = record.name, .size = record.size, .refused = ""};
    if (record.kind == cell::Record::refused) {
      RETORT_TRY(file.refused, reader.take_text(record, cell::kLongestWord));
      files.push_back(file);
      continue;
    }
    if (auto valid = runtime::validate_file_name(record.name); !valid) {
      file.refused = valid.error().what;
      RETORT_CHECK(skip(record));
      files.push_back(file);
      continue;
    }
    if (record.kind == cell::Record::directory) {
      std::string name = record.name + "/";
      RETORT_CHECK(open_parent(root, name));
      continue;
    }
    RETORT_TRY(const bool unchanged, is_unchanged(collected, record, inputs));
    if (unchanged) continue;
    std::string name = record.name;
    RETORT_TRY(const Fd parent, open_parent(root, name));
    const mode_t mode = (record.mode & 0111U) != 0 ? 0777 : 0666;
    auto out = kernel::open_beneath(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    if (!out) return out.error().within(folder);
    RETORT_CHECK(reader.copy_to(record, *out));
    files.push_back(file);
  }
}

}  // namespace retort::job
