// Bundle: any bytes as a bundle, read in each way that there is: into a cell, past the data as the
// collector does, and out to the folder that the user named.
#include "cell/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "fuzz/fuzz.h"
#include "job/output_files.h"
#include "kernel/files.h"
#include "runtime/command.h"

namespace retort::cell {
namespace {

using base::Fd;
using fuzz::require;

struct Whole {
  RecordStart start;
  std::string data;
  bool operator==(const Whole& other) const {
    return start.kind == other.start.kind && start.mode == other.start.mode &&
           start.name == other.start.name && start.size == other.start.size && data == other.data;
  }
};

Fd memory() {
  auto file = kernel::make_memory_file("fuzz");
  require(file.has_value(), "there are memory files");
  return *std::move(file);
}

void rewind(const Fd& file) {
  (void)::lseek(file.get(), 0, SEEK_SET);
}

std::uint64_t place_in(const Fd& file) {
  return static_cast<std::uint64_t>(::lseek(file.get(), 0, SEEK_CUR));
}

std::string contents(const Fd& file) {
  std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  rewind(file);
  (void)kernel::read_full(file, std::as_writable_bytes(std::span(text)));
  return text;
}

// As the program's first step reads it. The records up to the end, or to the first fault.
std::vector<Whole> unpack(const Fd& bundle, std::size_t size) {
  BundleReader reader(bundle);
  std::vector<Whole> records;
  for (;;) {
    auto start = reader.next();
    if (!start) {
      require(fuzz::is_plain(start.error().what), "a fault is fit for a terminal");
      return records;
    }
    require(start->kind >= Record::end && start->kind <= Record::refused, "a record is known");
    require(start->name.size() <= kLongestName, "a name is within its bound");
    require(place_in(bundle) <= size, "nothing is read that is not there");
    Whole record{.start = *std::move(start), .data = ""};
    if (record.start.kind == Record::file) {
      const Fd out = memory();
      const bool copied = reader.copy_to(record.start, out).has_value();
      record.data = contents(out);
      require(record.data.size() <= size, "nothing is copied that is not there");
      require(copied == (record.data.size() == record.start.size), "a file is copied whole");
      if (!copied) return records;
    } else {
      auto text = reader.take_text(record.start, kLongestWord);
      if (!text) return records;
      record.data = *std::move(text);
      require(record.data.size() == record.start.size && record.data.size() <= kLongestWord,
              "a text is whole and within its bound");
    }
    records.push_back(std::move(record));
    if (records.back().start.kind == Record::end) return records;
  }
}

// As the collector looks for the names that are wanted.
void pass_over(const Fd& bundle) {
  BundleReader reader(bundle);
  for (std::uint64_t before = 0;;) {
    const auto record = reader.next();
    if (!record || record->kind == Record::end) return;
    require(::lseek(bundle.get(), static_cast<off_t>(record->size), SEEK_CUR) >= 0,
            "data can be passed over");
    require(place_in(bundle) >= before + sizeof(RecordHeader), "every record leads on");
    before = place_in(bundle);
  }
}

void check_that_it_reads_back(const std::vector<Whole>& records) {
  const Fd file = memory();
  BundleWriter writer(file);
  std::size_t size = 0;
  for (const Whole& record : records) {
    require(writer.add(record.start.kind, record.start.name, record.data, record.start.mode)
                .has_value(),
            "what was read can be written");
    size += sizeof(RecordHeader) + record.start.name.size() + record.data.size();
  }
  rewind(file);
  require(unpack(file, size) == records, "what was written reads back");
}

// As `retort run -o` writes what a program left behind.
void write_out(const Fd& bundle, std::size_t size, const std::string& folder) {
  const auto root = kernel::open_at(AT_FDCWD, folder, O_PATH | O_DIRECTORY);
  require(root.has_value(), "the folder is there");
  const auto files = job::write_output_files(bundle, *root);
  require(files.size() <= size / sizeof(RecordHeader) + 1, "no more files than records");
  for (const job::OutputFile& file : files) {
    require(fuzz::is_plain(file.refused), "a refusal is fit for a terminal");
    if (!file.refused.empty()) continue;
    require(runtime::validate_file_name(file.name).has_value(), "a file that is written is sound");
    // A later record may have written a file of this name again.
    const auto there = std::filesystem::status(folder + "/" + file.name);
    require(file.is_folder ? is_directory(there) : is_regular_file(there), "and is there");
  }
}

// In $TMPDIR, or else the working folder; gone with the process.
std::string make_folder() {
  const char* place = std::getenv("TMPDIR");
  static std::string folder = std::string(place != nullptr ? place : ".") + "/retort-fuzz-XXXXXX";
  require(::mkdtemp(folder.data()) != nullptr, "there is a folder");
  (void)std::atexit([] { std::filesystem::remove_all(folder); });
  return folder;
}

void clear(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    std::filesystem::remove_all(entry.path());
}

}  // namespace
}  // namespace retort::cell

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::cell;  // NOLINT(google-build-using-namespace)
  static const std::string kFolder = make_folder();
  const retort::base::Fd file = memory();
  (void)retort::kernel::write_all(file, retort::fuzz::bytes_of(data, size));
  rewind(file);
  check_that_it_reads_back(unpack(file, size));
  rewind(file);
  pass_over(file);
  rewind(file);
  write_out(file, size, kFolder);
  clear(kFolder);
  return 0;
}
