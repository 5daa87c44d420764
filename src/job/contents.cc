// Contents: one layer of files over the other, each name once.
#include "job/contents.h"

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

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

// What every program finds; a manifest adds to it.
const std::map<std::string, std::string> kVariables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                       {"HOME", "/box"},
                                                       {"LANG", "C.UTF-8"},
                                                       {"TMPDIR", "/tmp"}};

Error broken_bundle() {
  return {Fault::internal,
          "what the compiler made could not be collected; run it again, or see retort doctor",
          0};
}

// None of these names lies in what is a file itself.
Status check_folders(const std::set<std::string>& files) {
  for (const std::string& name : files) {
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      if (files.contains(name.substr(0, slash))) {
        return Error{Fault::invalid, base::printable(name) + " lies in what is a file itself", 0};
      }
    }
  }
  return {};
}

// Writes the files of a program into a bundle, layer after layer; the first of a name stays.
class Layers {
 public:
  Layers(const Fd& out, cell::BundleWriter& writer) : out_(out), writer_(writer) {}

  // Files and folders of a collected bundle.
  Status add_bundle(const Fd& bundle) {
    // An open file description of its own: tests side by side read the same artefacts.
    RETORT_TRY(const Fd own, kernel::reopen_for_reading(bundle));
    cell::BundleReader reader(own);
    for (;;) {
      const auto next = reader.next();
      if (!next) return broken_bundle();
      const cell::RecordStart& record = *next;
      switch (record.kind) {
        case cell::Record::end:
          return {};
        case cell::Record::file:
          if (!names_.insert(record.name).second) {
            if (::lseek(own.get(), static_cast<off_t>(record.size), SEEK_CUR) < 0)
              return base::os_error("lseek", "a bundle");
            break;
          }
          RETORT_CHECK(writer_.begin(cell::Record::file, record.name, record.size, record.mode));
          RETORT_CHECK(reader.copy_to(record, out_));
          break;
        case cell::Record::directory:
          folders_.insert(record.name);
          RETORT_CHECK(writer_.add(cell::Record::directory, record.name, ""));
          break;
        default:
          return broken_bundle();
      }
    }
  }

  Status add(const SourceFile& file) {
    RETORT_TRY(const bool is_new, take(file.name));
    if (!is_new) return {};
    return writer_.add(cell::Record::file, file.name, file.content, file.executable ? 0755 : 0644);
  }

  Status add(const GivenFile& given) {
    RETORT_TRY(const bool is_new, take(given.name));
    if (!is_new) {
      return Error{Fault::invalid, "a file of the program's has the name " + given.name, 0};
    }
    if (!given.input.file)
      return writer_.add(cell::Record::file, given.name, given.input.text, 0644);
    struct stat info{};
    if (::fstat(given.input.file->get(), &info) != 0) return base::os_error("fstat", given.name);
    RETORT_CHECK(writer_.begin(
        cell::Record::file, given.name, static_cast<std::uint64_t>(info.st_size), 0644));
    for (off_t done = 0; done < info.st_size;) {
      const ssize_t count = ::sendfile(out_.get(),
                                       given.input.file->get(),
                                       &done,
                                       static_cast<std::size_t>(info.st_size - done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return base::os_error("sendfile", given.name);
      if (count == 0) return Error{Fault::internal, given.name + " became shorter", 0};
    }
    return {};
  }

  [[nodiscard]] Status check() const { return check_folders(names_); }

 private:
  Result<bool> take(const std::string& name) {
    if (folders_.contains(name)) {
      return Error{Fault::invalid, base::printable(name) + " is a folder of the compiler's", 0};
    }
    return names_.insert(name).second;
  }

  const Fd& out_;
  cell::BundleWriter& writer_;
  std::set<std::string> names_;
  std::set<std::string> folders_;  // empty ones
};

}  // namespace

Status check_names(const std::vector<std::string>& names) {
  if (names.empty()) return Error{Fault::invalid, "there is no file to run", 0};
  std::set<std::string> seen;
  for (const std::string& name : names) {
    RETORT_CHECK(runtime::validate_file_name(name));
    if (!seen.insert(name).second) {
      return Error{Fault::invalid, "two files are named " + base::printable(name), 0};
    }
  }
  return check_folders(seen);
}

Result<std::vector<std::string>> names_in(const Fd& collected) {
  RETORT_TRY(const Fd own, kernel::reopen_for_reading(collected));
  cell::BundleReader reader(own);
  std::vector<std::string> names;
  for (;;) {
    const auto next = reader.next();
    if (!next) return broken_bundle();
    switch (next->kind) {
      case cell::Record::end:
        return names;
      case cell::Record::file:
        names.push_back(next->name);
        if (::lseek(own.get(), static_cast<off_t>(next->size), SEEK_CUR) < 0)
          return base::os_error("lseek", "a bundle");
        break;
      case cell::Record::directory:
        break;
      case cell::Record::refused: {
        RETORT_TRY(const auto why, reader.take_text(*next, cell::kLongestWord));
        return Error{Fault::invalid,
                     base::printable(next->name) + " was not taken: " + base::printable(why),
                     0};
      }
      default:
        return Error{Fault::internal, "a collected bundle with a foreign record", 0};
    }
  }
}

Result<Fd> without_folder(const Fd& collected, const std::string& folder) {
  RETORT_TRY(const Fd own, kernel::reopen_for_reading(collected));
  RETORT_TRY(Fd memory, kernel::make_memory_file("unpacked"));
  cell::BundleReader reader(own);
  cell::BundleWriter writer(memory);
  const std::string prefix = folder + "/";
  for (;;) {
    const auto next = reader.next();
    if (!next) return broken_bundle();
    if (next->kind == cell::Record::end) break;
    if (next->kind == cell::Record::directory && next->name == folder) continue;
    if (!next->name.starts_with(prefix)) return broken_bundle();
    const std::string name = next->name.substr(prefix.size());
    if (next->kind == cell::Record::directory) {
      RETORT_CHECK(writer.add(cell::Record::directory, name, ""));
      continue;
    }
    if (next->kind != cell::Record::file) return broken_bundle();
    RETORT_CHECK(writer.begin(cell::Record::file, name, next->size, next->mode));
    RETORT_CHECK(reader.copy_to(*next, memory));
  }
  RETORT_CHECK(writer.end());
  RETORT_CHECK(kernel::seal(memory));
  return memory;
}

Result<Fd> make_bundle(const Built& built, const Contents& contents) {
  RETORT_TRY(Fd memory, kernel::make_memory_file("bundle"));
  cell::BundleWriter writer(memory);
  for (const std::string& word : contents.command)
    RETORT_CHECK(writer.add(cell::Record::argument, "", word));
  auto variables = kVariables;
  for (const auto& [name, value] : contents.env) variables[name] = value;
  for (const auto& [name, value] : variables)
    RETORT_CHECK(writer.add(cell::Record::variable, "", name + "=" + value));
  Layers layers(memory, writer);
  if (built.artefacts) RETORT_CHECK(layers.add_bundle(*built.artefacts));
  for (const SourceFile& file : built.program.files) RETORT_CHECK(layers.add(file));
  if (built.unpacked) RETORT_CHECK(layers.add_bundle(*built.unpacked));
  for (const GivenFile& given : contents.given) RETORT_CHECK(layers.add(given));
  for (const std::string& folder : contents.folders)
    RETORT_CHECK(writer.add(cell::Record::directory, folder, ""));
  RETORT_CHECK(layers.check());
  for (const std::string& name : contents.wanted)
    RETORT_CHECK(writer.add(cell::Record::collect, name, ""));
  RETORT_CHECK(writer.end());
  RETORT_CHECK(kernel::seal(memory));
  return memory;
}

}  // namespace retort::job
