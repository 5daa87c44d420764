// Host: /proc, the control groups and the kernel's log.
#include "selftest/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "kernel/files.h"

namespace retort::selftest {

using base::Result;
using kernel::read_small_file;

namespace {

// Ids of the cells that root runs: a block for each keeper (docs/reference/doctor.md).
constexpr unsigned kFirstId = 0x7000'0000;
constexpr unsigned kIdsOfOneKeeper = 0x1'0000;
// An allocator's caches may grow; what leaks with each cell grows past this.
constexpr std::uint64_t kMostGrowth = 8U << 20U;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string text_of(const std::string& path) {
  return read_small_file(AT_FDCWD, path, 16U << 20U).value_or(std::string());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string field_of(const std::string& status, const std::string& key) {
  for (const std::string& line : lines_of(status)) {
    if (!line.starts_with(key + ":")) continue;
    const std::size_t begin = line.find_first_not_of(" \t", key.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

std::uint64_t number_of(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

// Our folder in every hierarchy of version 1, and in version 2 itself.
std::vector<std::string> group_folders(unsigned instance) {
  std::vector<std::string> roots = {"/sys/fs/cgroup"};
  for (const std::string& name : names_in("/sys/fs/cgroup"))
    roots.push_back("/sys/fs/cgroup/" + name);
  std::vector<std::string> found;
  const std::string number = std::to_string(instance);
  for (const std::string& root : roots) {
    for (const std::string& name : names_in(root + "/retort")) {
      if (name != number && !name.starts_with(number + "-")) continue;
      if (is_folder(root + "/retort/" + name)) found.push_back(root + "/retort/" + name);
    }
  }
  return found;
}

// Others work on this host as well: a thing counts when a cell of ours owns it.
class Owners {
 public:
  explicit Owners(unsigned instance) : first_(kFirstId + instance * kIdsOfOneKeeper) {}
  [[nodiscard]] bool has(std::uint64_t user) const {
    return user >= first_ && user < first_ + kIdsOfOneKeeper;
  }
  [[nodiscard]] bool has_file(const std::string& path) const {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 && has(info.st_uid);
  }

 private:
  std::uint64_t first_;
};

void add_processes(std::set<std::string>& things, pid_t keeper, const Owners& owners) {
  for (const std::string& pid : names_in("/proc")) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string status = text_of("/proc/" + pid + "/status");
    const bool is_child = number_of(field_of(status, "PPid")) == static_cast<std::uint64_t>(keeper);
    if (is_child || owners.has(number_of(field_of(status, "Uid"))))
      things.insert("process " + pid + " (" + field_of(status, "Name") + ")");
  }
}

// The lines of a table whose column `user` is an id of ours.
void add_lines(std::set<std::string>& things,
               const std::string& path,
               std::size_t user,
               const Owners& owners) {
  for (const std::string& line : lines_of(text_of(path))) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.size() > user && owners.has(number_of(words.at(user))))
      things.insert(path + ": " + words.at(0) + " " + words.at(1));
  }
}

}  // namespace

Result<Canaries> Canaries::plant() {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return base::os_error("getrandom", "");
  std::string secret = "secret-";
  for (const unsigned char byte : random) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    secret += kDigits[byte >> 4U];
    secret += kDigits[byte & 15U];
  }
  std::string folder = "/tmp/retort-selftest-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return base::os_error("mkdtemp", folder);
  if (::chmod(folder.c_str(), 0777) != 0) return base::os_error("chmod", folder);
  Canaries canaries(folder, secret);
  for (const auto& [name, mode] :
       {std::pair<std::string, mode_t>{"readable", 0644}, {"writable", 0666}}) {
    RETORT_CHECK(kernel::write_file(AT_FDCWD, folder + "/" + name, secret, mode));
    if (::chmod((folder + "/" + name).c_str(), mode) != 0) return base::os_error("chmod", name);
  }
  return canaries;
}

Canaries::Canaries(Canaries&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), secret_(std::move(other.secret_)) {}

Canaries::~Canaries() {
  if (folder_.empty()) return;
  for (const std::string& name : names_in(folder_)) ::unlink((folder_ + "/" + name).c_str());
  ::rmdir(folder_.c_str());
}

std::vector<std::string> Canaries::faults() const {
  std::vector<std::string> found;
  for (const std::string& name : names_in(folder_)) {
    if (name != "readable" && name != "writable")
      found.push_back("the host has a new file " + folder_ + "/" + name);
  }
  for (const char* name : {"/readable", "/writable"}) {
    if (text_of(folder_ + name) != secret_) found.push_back(folder_ + name + " was changed");
  }
  return found;
}

HostState HostState::look(pid_t keeper, unsigned instance) {
  HostState state;
  const Owners owners(instance);
  add_processes(state.things_, keeper, owners);
  for (const char* table : {"tcp", "tcp6", "udp", "udp6"})
    add_lines(state.things_, std::string("/proc/net/") + table, 7, owners);
  for (const std::string& folder : group_folders(instance)) {
    for (const std::string& name : names_in(folder)) {
      if (is_folder(folder + "/" + name)) state.things_.insert("group " + folder + "/" + name);
    }
  }
  const std::string process = "/proc/" + std::to_string(keeper);
  for (const std::string& line : lines_of(text_of(process + "/mountinfo")))
    state.things_.insert("mount " + line);
  // proc_sysvipc(5): the columns differ.
  add_lines(state.things_, "/proc/sysvipc/msg", 7, owners);
  add_lines(state.things_, "/proc/sysvipc/sem", 4, owners);
  add_lines(state.things_, "/proc/sysvipc/shm", 7, owners);
  add_lines(state.things_, "/proc/keys", 5, owners);
  for (const std::string folder : {"/dev/shm", "/dev/mqueue", "/dev/pts", "/tmp", "/var/tmp"}) {
    for (const std::string& name : names_in(folder)) {
      if (owners.has_file(folder + "/" + name)) state.things_.insert("file " + folder + "/" + name);
    }
  }
  state.counts_["descriptors of the keeper"] = names_in(process + "/fd").size();
  state.counts_["memory of the keeper"] =
      number_of(field_of(text_of(process + "/status"), "VmRSS")) * 1024;
  return state;
}

std::vector<std::string> HostState::left_in(const HostState& after) const {
  std::vector<std::string> left;
  for (const std::string& thing : after.things_) {
    if (!things_.contains(thing)) left.push_back("left: " + thing);
  }
  for (const auto& [what, count] : after.counts_) {
    const std::uint64_t slack = what.starts_with("memory") ? kMostGrowth : 0;
    const std::uint64_t before = counts_.at(what);
    if (count > before + slack) {
      left.push_back("left: " + what + " grew from " + std::to_string(before) + " to " +
                     std::to_string(count));
    }
  }
  return left;
}

KernelLog::KernelLog() {
  auto opened = kernel::open_at(AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK);
  if (!opened) return;
  log_ = std::move(*opened);
  (void)::lseek(log_.get(), 0, SEEK_END);
}

std::vector<std::string> KernelLog::complaints() {
  std::vector<std::string> found;
  if (!log_.is_open()) return found;
  for (;;) {
    // One record a read(2) (Documentation/ABI/testing/dev-kmsg); EPIPE: older ones were lost.
    std::array<char, 8192> buffer{};
    const ssize_t count = ::read(log_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EPIPE) continue;
    if (count <= 0) return found;
    const std::string record(buffer.data(), static_cast<std::size_t>(count));
    const std::string text = record.substr(record.find(';') + 1);
    for (const char* word : {"WARNING:",
                             "BUG:",
                             "Oops",
                             "INFO: task",
                             "possible deadlock",
                             "Out of memory: Killed",
                             "refcount_t:",
                             "UBSAN:"}) {
      if (text.find(word) != std::string::npos)
        found.push_back("the kernel says: " + text.substr(0, text.find('\n')));
    }
  }
}

base::Duration cpu_of_instance(unsigned instance) {
  for (const std::string& folder : group_folders(instance)) {
    if (const auto usage = text_of(folder + "/cpuacct.usage"); !usage.empty())
      return base::Duration(static_cast<base::Duration::rep>(number_of(usage) / 1000));
    for (const std::string& line : lines_of(text_of(folder + "/cpu.stat"))) {
      if (line.starts_with("usage_usec "))
        return base::Duration(static_cast<base::Duration::rep>(number_of(line.substr(11))));
    }
  }
  return base::Duration(-1);
}

}  // namespace retort::selftest
