// File modes: making files of all kinds, and looking at what there is.
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "probe/probe.h"

namespace retort::probe {
namespace {

int mode_open(const Words& words) {
  const std::uint64_t wanted = number(word(words, 0));
  std::uint64_t got = 0;
  while (got < wanted && ::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) ++got;
  std::printf("%llu %s\n",
              static_cast<unsigned long long>(got),
              got == wanted ? "ok" : errno_text().c_str());
  return 0;
}

int mode_write_file(const Words& words) {
  if (word(words, 2) == "careful") ::signal(SIGXFSZ, SIG_IGN);
  const int file = ::open(word(words, 0).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return complain("open");
  if (write_counted(file, number(word(words, 1)))) return 0;
  (void)complain("write");
  return word(words, 2) == "content" ? 0 : 1;
}

int mode_write_files(const Words& words) {
  const std::uint64_t wanted = number(word(words, 0));
  std::uint64_t got = 0;
  for (; got < wanted; ++got) {
    const int file = ::open(
        ("file-" + std::to_string(got)).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) {
      (void)complain("open");
      break;
    }
    ::close(file);
  }
  return report_count(got, wanted, words);
}

bool make_socket_file(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, name.data(), name.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return socket >= 0 &&
         ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool make_sparse(const std::string& name, std::uint64_t size) {
  const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool made = file >= 0 && ::ftruncate(file, static_cast<off_t>(size)) == 0;
  ::close(file);
  return made;
}

// A folder in a folder, `levels` deep, with a file in the last; by steps, since no path is that
// long.
bool make_deep(const std::string& name, std::uint64_t levels) {
  const int before = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (std::uint64_t level = 0; level < levels; ++level) {
    if (::mkdir(name.c_str(), 0755) != 0 || ::chdir(name.c_str()) != 0) return false;
  }
  return make_file("bottom", 1) && ::fchdir(before) == 0 && ::close(before) == 0;
}

bool make_one(const std::string& kind, const std::string& name, const std::string& value) {
  if (kind == "file") return make_file(name, number(value));
  if (kind == "folder") return ::mkdir(name.c_str(), 0755) == 0;
  if (kind == "unreadable") return make_file(name, 1) && ::chmod(name.c_str(), 0) == 0;
  if (kind == "symlink") return ::symlink(value.c_str(), name.c_str()) == 0;
  if (kind == "hardlink") return ::link(value.c_str(), name.c_str()) == 0;
  if (kind == "fifo") return ::mkfifo(name.c_str(), 0666) == 0;
  if (kind == "socket") return make_socket_file(name);
  if (kind == "sparse") return make_sparse(name, number(value));
  if (kind == "deep") return make_deep(name, number(value));
  errno = EINVAL;
  return false;
}

int mode_make(const Words& words) {
  for (std::size_t i = 0; i + 2 < words.size(); i += 3) {
    if (!make_one(words.at(i), words.at(i + 1), words.at(i + 2)))
      return complain(words.at(i).c_str());
  }
  return 0;
}

Words entries_of(const std::string& path) {
  Words names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), ::closedir);
  if (!stream) return {errno_text()};
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (path == "/proc/self/fd" && name == std::to_string(::dirfd(stream.get()))) continue;
    names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

int print_lines(const Words& lines) {
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  return 0;
}

int mode_ls(const Words& words) {
  return print_lines(entries_of(word(words, 0)));
}

int mode_fds(const Words&) {
  return print_lines(entries_of("/proc/self/fd"));
}

int mode_read(const Words& words) {
  return print_file(word(words, 0));
}

int mode_mounts(const Words&) {
  return print_file("/proc/self/mountinfo");
}

int mode_write(const Words& words) {
  const int file = ::open(word(words, 0).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  answer(file >= 0 && ::write(file, "x", 1) == 1);
  return 0;
}

constexpr std::array kModes = {
    Mode{"open", "N", "opens N files; prints how many it got", mode_open},
    Mode{"write-file", "NAME BYTES [content|careful]", "writes one file", mode_write_file},
    Mode{"write-files", "N [content]", "makes N empty files", mode_write_files},
    Mode{"make", "KIND NAME VALUE …", "makes files of all kinds; see make_one", mode_make},
    Mode{"ls", "PATH", "prints the entries of a folder", mode_ls},
    Mode{"fds", "", "prints its open descriptors", mode_fds},
    Mode{"read", "PATH", "prints a file", mode_read},
    Mode{"mounts", "", "prints its mounts", mode_mounts},
    Mode{"write", "PATH", "tries to write to a file", mode_write},
};

}  // namespace

std::span<const Mode> file_modes() {
  return kModes;
}

}  // namespace retort::probe
