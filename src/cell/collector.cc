// Collector: a process of its own that reads what a dead program left behind, by descriptors only,
// and writes it as a bundle to its stdout. It runs under the dead program's id with no capability;
// nobody else has that id.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/weaken.h"
#include "cell/bundle.h"
#include "cell/filter.h"
#include "cell/mount_plan.h"
#include "cell/spec.h"
#include "kernel/credentials.h"
#include "kernel/files.h"
#include "kernel/landlock.h"
#include "kernel/process.h"
#include "kernel/seccomp.h"

namespace retort::cell {

using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::size_t kLongestPath = 1024;
constexpr std::size_t kAtOnce = 64U << 10U;

// What the program was given, by name: a file that is still as it came is not the program's work.
class Inputs {
 public:
  // Reads the bundle through. `wishes` gets the names that are to be collected.
  Status read(std::vector<std::string>& wishes) {
    if (::lseek(bundle_.get(), 0, SEEK_SET) != 0) return os_error("lseek", "the bundle");
    BundleReader reader(bundle_);
    for (;;) {
      RETORT_TRY(RecordStart record, reader.next());
      if (record.kind == Record::end) return {};
      const off_t begin = ::lseek(bundle_.get(), 0, SEEK_CUR);
      if (record.kind == Record::collect) wishes.push_back(record.name);
      if (record.kind == Record::file)
        files_[std::move(record.name)] = {.begin = begin, .size = record.size};
      if (::lseek(bundle_.get(), static_cast<off_t>(record.size), SEEK_CUR) < 0)
        return os_error("lseek", "the bundle");
    }
  }

  // Compares to the last byte: times and sizes are the program's to set.
  [[nodiscard]] bool has(const std::string& name, const Fd& file, std::uint64_t size) const {
    const auto found = files_.find(name);
    if (found == files_.end() || found->second.size != size) return false;
    std::vector<std::byte> given(kAtOnce);
    std::vector<std::byte> now(kAtOnce);
    for (std::uint64_t at = 0; at < size;) {
      const std::size_t wanted = std::min<std::uint64_t>(size - at, kAtOnce);
      const auto offset = static_cast<off_t>(at);
      const ssize_t count = ::pread(file.get(), now.data(), wanted, offset);
      if (count <= 0 ||
          ::pread(bundle_.get(),
                  given.data(),
                  static_cast<std::size_t>(count),
                  found->second.begin + offset) != count ||
          !std::equal(now.begin(), now.begin() + count, given.begin())) {
        return false;
      }
      at += static_cast<std::uint64_t>(count);
    }
    return true;
  }

 private:
  struct Place {
    off_t begin = 0;
    std::uint64_t size = 0;
  };
  Fd bundle_{kCollectBundle};
  std::map<std::string, Place> files_;
};

class Collector {
 public:
  Collector(std::uint64_t most_bytes, std::uint64_t most_entries)
      : bytes_left_(most_bytes), entries_left_(most_entries) {}

  Status run() {
    auto box = kernel::open_beneath(folder_, "box", O_RDONLY | O_DIRECTORY);
    if (!box) {
      // The program has closed its folder to itself: that is an answer, and no failure of ours.
      RETORT_CHECK(refuse(".", reason_of(box.error().os_errno)));
      return writer_.end();
    }
    box_ = std::move(*box);
    std::vector<std::string> wanted;
    RETORT_CHECK(inputs_.read(wanted));
    for (const std::string& name : wanted) RETORT_CHECK(collect(name));
    return writer_.end();
  }

 private:
  // Whatever `name` is: files are sent, folders are walked without recursion, all else is refused
  // with its reason.
  Status collect(const std::string& first) {
    std::vector<std::string> waiting = {first};
    while (!waiting.empty()) {
      const std::string name = std::move(waiting.back());
      waiting.pop_back();
      const auto entry = open(name, O_PATH);
      if (!entry && entry.error().os_errno == ENOENT && name == first)
        continue;  // not written: nothing to say
      if (!entry) {
        RETORT_CHECK(refuse(name, reason_of(entry.error().os_errno)));
        continue;
      }
      struct stat info{};
      if (::fstat(entry->get(), &info) != 0) return os_error("fstat", "");
      if (name != ".") {
        if (entries_left_ == 0 && !base::weakened("collector:entries")) {
          return refuse(name, "too many entries; this one and all after it were not collected");
        }
        entries_left_ -= std::min<std::uint64_t>(entries_left_, 1);
      }
      if (S_ISREG(info.st_mode) || (base::weakened("collector:kinds") && !S_ISDIR(info.st_mode))) {
        RETORT_CHECK(send_file(name, info));
      } else if (S_ISDIR(info.st_mode)) {
        RETORT_CHECK(list_folder(name, waiting));
      } else {
        RETORT_CHECK(refuse(name, kind_of(info.st_mode)));
      }
    }
    return {};
  }

  Status send_file(const std::string& name, const struct stat& info) {
    // A second name of one file would be sent, and counted, twice.
    if (info.st_nlink != 1 && !base::weakened("collector:one-name"))
      return refuse(name, "has more than one link");
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const auto file = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return refuse(name, reason_of(file.error().os_errno));
    if (inputs_.has(name, *file, size)) return {};
    if (size > bytes_left_ && !base::weakened("collector:bytes"))
      return refuse(name, "larger than what may be collected");
    bytes_left_ -= std::min(size, bytes_left_);
    RETORT_CHECK(writer_.begin(Record::file, name, size, info.st_mode & 0111U));
    std::vector<std::byte> buffer(kAtOnce);
    for (std::uint64_t left = size; left > 0;) {
      const std::size_t wanted = std::min<std::uint64_t>(left, buffer.size());
      RETORT_TRY(const std::size_t count,
                 kernel::read_full(*file, std::span(buffer).first(wanted)));
      // Nothing runs any more that could shorten it.
      if (count != wanted) return os_error("read", "a file that changed", EIO);
      RETORT_CHECK(kernel::write_all(out_, std::span(buffer).first(count)));
      left -= count;
    }
    return {};
  }

  Status list_folder(const std::string& name, std::vector<std::string>& waiting) {
    const auto depth = static_cast<std::size_t>(std::ranges::count(name, '/'));
    if (depth >= kDeepest && !base::weakened("collector:depth")) return refuse(name, "too deep");
    auto folder = open(name, O_RDONLY | O_DIRECTORY);
    if (!folder) return refuse(name, reason_of(folder.error().os_errno));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(folder->release()), ::closedir);
    if (!stream) return os_error("fdopendir", "");
    bool empty = true;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string below = entry->d_name;
      if (below == "." || below == "..") continue;
      empty = false;
      const std::string path = name == "." ? below : name + "/" + below;
      if (path.size() > kLongestPath) {
        RETORT_CHECK(refuse(path.substr(0, kLongestPath), "its path is too long"));
        continue;
      }
      // The walk never holds more names than it may still send.
      if (waiting.size() > entries_left_ && !base::weakened("collector:entries"))
        return refuse(name, "too many entries; not all were collected");
      waiting.push_back(path);
    }
    return empty && name != "." ? writer_.add(Record::directory, name, "") : Status();
  }

  Status refuse(const std::string& name, const std::string& why) {
    if (refusals_left_ == 0) return {};
    --refusals_left_;
    return writer_.add(Record::refused, name, why);
  }

  [[nodiscard]] Result<Fd> open(const std::string& name, int flags) const {
    if (base::weakened("collector:links"))
      return kernel::open_at(box_.get(), name, flags & ~O_NOFOLLOW);
    return kernel::open_beneath(box_, name, flags | O_NOFOLLOW);
  }

  static std::string kind_of(mode_t mode) {
    if (S_ISLNK(mode)) return "a symbolic link";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "not a regular file";
  }

  static std::string reason_of(int number) {
    if (number == ELOOP) return "a symbolic link";
    if (number == EACCES) return "not readable";
    if (number == EXDEV) return "outside the working folder";
    return base::errno_name(number);
  }

  Fd folder_{kCollectFolder};
  Inputs inputs_;
  Fd out_{1};
  Fd box_;
  BundleWriter writer_{out_};
  std::uint64_t bytes_left_;
  std::uint64_t entries_left_;
  std::uint64_t refusals_left_ = 1000;
};

}  // namespace

namespace {

// A hostile tree must not make the walk endless.
constexpr std::size_t kMostMeasured = 100'000;
constexpr std::size_t kMostWaiting = 10'000;
constexpr std::uint64_t kMostSeconds = 60;
constexpr std::uint64_t kMostDescriptors = 32;

bool is_input(const Fd& folder, const std::string& path, std::uint64_t size, const Inputs& inputs) {
  constexpr std::string_view kBoxFolder = "box/";
  if (!path.starts_with(kBoxFolder)) return false;
  const auto file = kernel::open_beneath(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return file && inputs.has(path.substr(kBoxFolder.size()), *file, size);
}

// RLIMIT_FSIZE lets no write go past it, so a file that was filled has exactly that size. What came
// with the job may have it as well, and is no fault of the program's.
bool has_file_of(const Fd& folder, std::uint64_t bytes, const Inputs& inputs) {
  std::vector<std::string> waiting;
  for (const ScratchFolder& scratch : scratch_folders()) waiting.emplace_back(scratch.name);
  for (std::size_t seen = 0; !waiting.empty() && seen < kMostMeasured; ++seen) {
    const std::string name = std::move(waiting.back());
    waiting.pop_back();
    auto opened = kernel::open_beneath(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) continue;
    const int number = opened->get();
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(opened->release()), ::closedir);
    while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
      const std::string below = entry->d_name;
      struct stat info{};
      if (below == "." || below == ".." ||
          ::fstatat(number, below.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      if (S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == bytes &&
          !is_input(folder, name + "/" + below, bytes, inputs)) {
        return true;
      }
      if (S_ISDIR(info.st_mode) && waiting.size() < kMostWaiting &&
          name.size() + below.size() < kLongestPath) {
        waiting.push_back(name + "/" + below);
      }
    }
  }
  return false;
}

}  // namespace

namespace {

// Nothing of a stranger's runs here, but a stranger's tree is read: less is needed than the keeper
// left us.
Status confine() {
  RETORT_CHECK(kernel::hide_from_peers());
  RETORT_CHECK(kernel::lower_resource_limit(RLIMIT_FSIZE, 0));
  RETORT_CHECK(kernel::lower_resource_limit(RLIMIT_CPU, kMostSeconds));
  RETORT_CHECK(kernel::lower_resource_limit(RLIMIT_NOFILE, kMostDescriptors));
  RETORT_CHECK(kernel::lower_resource_limit(RLIMIT_NPROC, 0));
  if (const auto version = kernel::landlock_version()) {
    kernel::LandlockRules own;
    own.readable_descriptors = {kCollectFolder};
    RETORT_CHECK(kernel::restrict_with_landlock(own, *version));
  }
  return kernel::load_filter(reader_filter());
}

}  // namespace

int run_measure(std::uint64_t bytes) {
  if (!confine()) return 1;
  Inputs inputs;
  std::vector<std::string> wishes;
  if (!inputs.read(wishes)) return 1;
  return has_file_of(Fd(kCollectFolder), bytes, inputs) ? kFoundLarge : 0;
}

int run_collector(std::uint64_t most_bytes, std::uint64_t most_entries) {
  if (!confine()) return 1;
  return Collector(most_bytes, most_entries).run() ? 0 : 1;
}

}  // namespace retort::cell
