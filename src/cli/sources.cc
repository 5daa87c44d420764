// Sources: the walk over a folder looks at names only; what is read is decided by descriptors.
#include "cli/sources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/bytes.h"
#include "kernel/files.h"
#include "runtime/command.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 10'000;
constexpr std::size_t kLargestSource = 256U << 20U;
constexpr std::size_t kReadAtOnce = 64U << 10U;

Result<std::string> read_bounded(const Fd& file, const std::string& path) {
  std::string content;
  std::string chunk(kReadAtOnce, '\0');
  for (;;) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::os_error("read", base::printable(path));
    if (count == 0) return content;
    content.append(chunk, 0, static_cast<std::size_t>(count));
    if (content.size() > kLargestSource) {
      return Error{
          Fault::invalid,
          "read " + base::printable(path) + ": over " + std::to_string(kLargestSource) + " bytes",
          0};
    }
  }
}

Result<job::SourceFile> read_source(const Fd& file,
                                    const std::string& path,
                                    const std::string& name) {
  RETORT_TRY(std::string content, read_bounded(file, path));
  const bool executable = ::faccessat(file.get(), "", X_OK, AT_EMPTY_PATH) == 0;
  return job::SourceFile{.name = name, .content = std::move(content), .executable = executable};
}

Status check_name(const std::string& name, const std::string& path) {
  if (auto valid = runtime::validate_file_name(name); !valid)
    return valid.error().within(base::printable(path));
  return {};
}

// A regular file below `folder`, or nothing when it is none any more: since its name was read it
// may have become a link to somewhere else, or a pipe that would never end.
Result<std::optional<Fd>> open_regular(const Fd& folder, const std::string& name) {
  auto file = kernel::open_beneath(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    const int number = file.error().os_errno;
    if (number == ELOOP || number == ENOENT || number == ENXIO || number == ENOTDIR)
      return std::nullopt;
    return file.error();
  }
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return base::os_error("fstat", base::printable(name));
  if (!S_ISREG(info.st_mode)) return std::nullopt;
  return std::optional<Fd>(*std::move(file));
}

// The names of all regular files below `folder`, relative to it, in their order; `shown` is its
// name for people.
Result<std::vector<std::string>> names_below(const fs::path& folder, const std::string& shown) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (auto walk = fs::recursive_directory_iterator(folder, error);
       !error && walk != fs::recursive_directory_iterator();
       walk.increment(error)) {
    std::error_code unknown;
    if (walk->is_symlink(unknown) || !walk->is_regular_file(unknown)) continue;
    paths.push_back(walk->path());
    if (paths.size() > kMostFiles) {
      return Error{Fault::invalid,
                   base::printable(shown) + ": more than " + std::to_string(kMostFiles) + " files",
                   0};
    }
  }
  if (error) return base::os_error("read", base::printable(shown), error.value());
  std::ranges::sort(paths);
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const fs::path& path : paths)
    names.push_back(path.lexically_relative(folder).generic_string());
  return names;
}

Status read_folder(const std::string& path, std::vector<job::SourceFile>& sources) {
  RETORT_TRY(const Fd folder, kernel::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  // The walk goes through the descriptor, so that names and files are those of one folder.
  const std::string opened = "/proc/self/fd/" + std::to_string(folder.get());
  RETORT_TRY(const auto names, names_below(opened, path));
  for (const std::string& name : names) {
    const std::string shown = path + "/" + name;
    RETORT_CHECK(check_name(name, shown));
    RETORT_TRY(const auto file, open_regular(folder, name));
    if (!file) continue;
    RETORT_TRY(auto source, read_source(*file, shown, name));
    sources.push_back(std::move(source));
  }
  return {};
}

}  // namespace

Result<std::vector<job::SourceFile>> read_sources(const std::vector<std::string>& paths) {
  std::vector<job::SourceFile> sources;
  for (const std::string& path : paths) {
    if (is_folder(path)) {
      RETORT_CHECK(read_folder(path, sources));
      continue;
    }
    const std::string name = fs::path(path).filename().string();
    RETORT_CHECK(check_name(name, path));
    RETORT_TRY(const Fd file, kernel::open_at(AT_FDCWD, path, O_RDONLY));
    RETORT_TRY(auto source, read_source(file, path, name));
    sources.push_back(std::move(source));
  }
  if (sources.empty()) return Error{Fault::invalid, "there is no file to run", 0};
  return sources;
}

Status put_main_first(std::vector<job::SourceFile>& sources, const MainFile& wanted) {
  auto main = std::ranges::find(sources, wanted.name, &job::SourceFile::name);
  if (main == sources.end()) {
    const auto is_source = [&](const job::SourceFile& file) {
      return std::ranges::count(wanted.extensions, runtime::extension_of(file.name)) > 0;
    };
    if (std::ranges::count_if(sources, is_source) == 1)
      main = std::ranges::find_if(sources, is_source);
  }
  if (main == sources.end()) {
    return Error{
        Fault::invalid,
        "the folder has no file named " + wanted.name + ", where " + wanted.language + " begins",
        0};
  }
  std::rotate(sources.begin(), main, main + 1);
  return {};
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

Result<Fd> open_output_folder(const std::string& path) {
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, path, 0777));
  return kernel::open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
}

Result<Fd> open_stdin_file(const std::string& path) {
  RETORT_TRY(Fd file, kernel::open_at(AT_FDCWD, path, O_RDONLY));
  if (is_folder(path)) return Error{Fault::invalid, "--stdin " + path + " is a folder", 0};
  return file;
}

}  // namespace retort::cli
