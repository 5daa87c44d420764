// Server key: XDG Base Directory Specification; RFC 6750, section 2.1, for what a key is made of.
#include "cli/server_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "base/bytes.h"
#include "base/fd.h"
#include "kernel/files.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;

namespace {

constexpr std::size_t kLongestKey = 1024;

std::string key_file() {
  const char* folder = std::getenv("XDG_CONFIG_HOME");
  if (folder != nullptr && *folder == '/') return std::string(folder) + "/retort/key";
  const char* home = std::getenv("HOME");
  return home == nullptr || *home != '/' ? "" : std::string(home) + "/.config/retort/key";
}

Result<std::string> check_key(std::string key, const std::string& source) {
  const auto is_part = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (key.size() > kLongestKey || !std::ranges::all_of(key, is_part))
    return Error{Fault::invalid, source + " holds no API key: retort_… on one line", 0};
  return key;
}

Result<std::string> read_key_file(const std::string& path) {
  const std::string shown = base::printable(path);
  RETORT_TRY(const Fd file, kernel::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::os_error("fstat", shown);
  if (!S_ISREG(info.st_mode)) return Error{Fault::denied, shown + " is not a file", 0};
  if (info.st_uid != ::geteuid() || (info.st_mode & 077U) != 0) {
    return Error{Fault::denied,
                 shown + " is not yours alone, so the key in it is no secret: chmod 600 it" +
                     (info.st_uid != ::geteuid() ? " and make it your own" : ""),
                 0};
  }
  std::array<char, kLongestKey + 2> buffer{};
  RETORT_TRY(const std::size_t count,
             kernel::read_full(file, std::as_writable_bytes(std::span(buffer))));
  std::string key(buffer.data(), count);
  while (key.ends_with('\n') || key.ends_with('\r')) key.pop_back();
  if (key.empty()) return Error{Fault::invalid, shown + " is empty", 0};
  return check_key(std::move(key), shown);
}

}  // namespace

Result<std::string> find_server_key() {
  if (const char* key = std::getenv("RETORT_KEY"); key != nullptr && *key != '\0')
    return check_key(key, "$RETORT_KEY");
  const std::string path = key_file();
  if (path.empty() || (::access(path.c_str(), F_OK) != 0 && errno == ENOENT)) return std::string();
  return read_key_file(path);
}

}  // namespace retort::cli
