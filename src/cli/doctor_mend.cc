// Mend: every command is for this user, as root or through sudo, and here, in a container or not.
#include "cli/doctor_mend.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "kernel/files.h"

namespace retort::cli {

using base::Error;

namespace {

// ENOSPC is what the kernel says when there are as many namespaces as there may be. All kinds start
// out with the same number, so a lower one was set.
std::string mend_namespace_limits() {
  constexpr long kPlenty = 65'536;
  long least = kPlenty;
  std::string lowest;
  for (const char* kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"}) {
    const std::string key = std::string("user.max_") + kind + "_namespaces";
    const auto value = read_switch(key);
    if (!value || number_of(*value) >= least) continue;
    least = number_of(*value);
    lowest = key;
  }
  if (lowest.empty())
    return no_command("namespaces are nested too deep, or bounded further outside");
  return set_switch(lowest, std::to_string(kPlenty));
}

}  // namespace

std::string no_command(const std::string& reason) {
  return std::string(kNoCommand) + reason;
}

std::string first_mend(const char* id) {
  return no_command(std::string("first mend ") + id);
}

bool is_root() {
  return ::geteuid() == 0;
}

std::string as_root(const std::string& command) {
  return (is_root() ? "" : "sudo ") + command;
}

std::string install(const std::string& package) {
  if (::access("/usr/bin/apt-get", X_OK) == 0) return as_root("apt-get install " + package);
  return no_command("install what Debian calls " + package);
}

std::optional<std::string> line_of(const std::string& path) {
  const auto text = kernel::read_small_file(AT_FDCWD, path);
  if (!text) return std::nullopt;
  return text->substr(0, text->find('\n'));
}

bool is_read_only(const std::string& path) {
  struct statvfs info{};
  return ::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

std::string set_file(const std::string& path, const std::string& value) {
  if (is_read_only(path))
    return no_command("read-only in this container; on its host: echo " + value + " > " + path);
  return is_root() ? "echo " + value + " > " + path : "echo " + value + " | sudo tee " + path;
}

std::string path_of_switch(const std::string& key) {
  std::string path = "/proc/sys/" + key;
  std::ranges::replace(path.begin() + 10, path.end(), '.', '/');
  return path;
}

std::optional<std::string> read_switch(const std::string& key) {
  return line_of(path_of_switch(key));
}

long number_of(const std::string& value) {
  long number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

std::string set_switch(const std::string& key, const std::string& value) {
  const std::string command = "sysctl -w " + key + "=" + value;
  if (is_read_only(path_of_switch(key)))
    return no_command("read-only in this container; on its host: " + command);
  return as_root(command);
}

std::string mend_kernel(const Error& error, const std::string& since) {
  switch (error.os_errno) {
    case EPERM:
    case EACCES:
    case EROFS:
    case EBUSY:
      return mend_confinement();
    case ENOSPC:
      return mend_namespace_limits();
    default:
      return no_command("this kernel lacks it; it came with Linux " + since);
  }
}

// Docker's words for all that a cell needs and its default refuses.
std::string mend_confinement() {
  return no_command(
      "whatever confines this session forbids it (Docker: --security-opt seccomp=unconfined "
      "--security-opt apparmor=unconfined --security-opt systempaths=unconfined)");
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : between).append(word);
  return text;
}

}  // namespace retort::cli
