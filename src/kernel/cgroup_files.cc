// Cgroup files: parsing and patience.
#include "kernel/cgroup_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <ctime>
#include <memory>

#include "kernel/files.h"

namespace retort::kernel {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

Result<std::uint64_t> number_in(std::string_view text, const std::string& file) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{}) return Error{Fault::internal, "read " + file + ": not a number", 0};
  return value;
}

Result<std::uint64_t> keyed_in(std::string_view text,
                               std::string_view key,
                               const std::string& file) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return number_in(line.substr(key.size() + 1), file);
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return Error{Fault::unsupported, "read " + file + ": no line '" + std::string(key) + "'", 0};
}

Result<std::string> reread(const Fd& file) {
  std::array<char, 1024> text{};
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  if (count < 0) return os_error("pread", "a control group's file");
  return std::string(text.data(), static_cast<std::size_t>(count));
}

void sleep_a_millisecond() {
  const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
  ::nanosleep(&pause, nullptr);
}

constexpr int kPatience = 2000;  // milliseconds, for what the kernel finishes by itself

Status remove_when_free(const std::string& path) {
  for (int attempt = 0;; ++attempt) {
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY || attempt >= kPatience) return os_error("rmdir", path);
    sleep_a_millisecond();
  }
}

Status sweep_group(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
  if (!stream) return errno == ENOENT ? Status() : Status(os_error("opendir", path));
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      RETORT_CHECK(sweep_group(path + "/" + name));
    }
  }
  for (int attempt = 0;; ++attempt) {
    RETORT_TRY(const auto listed, read_small_file(AT_FDCWD, path + "/cgroup.procs"));
    if (listed.empty()) return remove_when_free(path);
    if (attempt >= kPatience) {
      return Error{Fault::busy, "processes in " + path + " do not die: " + listed, 0};
    }
    // Nothing but what a dead keeper left is in here, so a number cannot have been given to
    // somebody else.
    std::string_view rest = listed;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      pid_t pid = 0;
      std::from_chars(line.data(), line.data() + line.size(), pid);
      if (pid > 0) ::kill(pid, SIGKILL);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    sleep_a_millisecond();
  }
}

}  // namespace

Result<std::uint64_t> read_number(const Fd& group, const std::string& file) {
  RETORT_TRY(const auto text, read_small_file(group.get(), file));
  return number_in(text, file);
}

Result<std::uint64_t> read_keyed(const Fd& group, const std::string& file, std::string_view key) {
  RETORT_TRY(const auto text, read_small_file(group.get(), file));
  return keyed_in(text, key, file);
}

Result<std::uint64_t> reread_number(const Fd& file) {
  RETORT_TRY(const auto text, reread(file));
  return number_in(text, "a control group's file");
}

Result<std::uint64_t> reread_keyed(const Fd& file, std::string_view key) {
  RETORT_TRY(const auto text, reread(file));
  return keyed_in(text, key, "a control group's file");
}

Status make_group_folders(const std::string& folder) {
  // A keeper that shares our hierarchies but not our lock (another container's) may remove the
  // parent in between, as the last one does.
  for (int attempt = 0;; ++attempt) {
    RETORT_CHECK(make_directory(AT_FDCWD, folder.substr(0, folder.rfind('/')), 0755));
    auto made = make_directory(AT_FDCWD, folder, 0755);
    if (made || made.error().os_errno != ENOENT || attempt >= kPatience) return made;
  }
}

Status remove_group(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return os_error("rmdir", path);
  return {};
}

Status sweep_group_folders(const std::string& folder) {
  RETORT_CHECK(sweep_group(folder));
  const std::string parent = folder.substr(0, folder.rfind('/'));
  // Other keepers' folders may be in it: then it stays.
  if (::rmdir(parent.c_str()) != 0 && errno != ENOENT && errno != EBUSY && errno != ENOTEMPTY) {
    return os_error("rmdir", parent);
  }
  return {};
}

}  // namespace retort::kernel
