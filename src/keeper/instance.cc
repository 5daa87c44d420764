// Instance: flock(2) tells the living from the dead, since the kernel lets go of a dead process's
// locks.
#include "keeper/instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/units.h"
#include "kernel/files.h"

namespace retort::keeper {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr unsigned kMostInstances = 4096;
constexpr std::size_t kTokenLength = 16;  // 64 random bits

Result<Fd> open_lock(const std::string& path) {
  return kernel::open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
}

bool try_lock(const Fd& file) {
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

// The root must be ours alone: in /tmp somebody else may have made it first.
Status make_root(const std::string& root) {
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, root, 0755));
  struct stat info{};
  if (::lstat(root.c_str(), &info) != 0) return os_error("stat", root);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022U) != 0) {
    return Error{Fault::denied, root + " does not belong to this user alone; remove it", 0};
  }
  return {};
}

// Waits until no other keeper begins or ends. SIGTERM, which a keeper ignores, ends this wait: the
// client that started it may have been told to stop.
Result<Fd> take_turn(const std::string& root) {
  RETORT_TRY(Fd turn, open_lock(root + "/lock"));
  struct sigaction interrupting{};
  struct sigaction before{};
  interrupting.sa_handler = [](int) {};  // without SA_RESTART
  ::sigaction(SIGTERM, &interrupting, &before);
  const bool taken = ::flock(turn.get(), LOCK_EX) == 0;
  const int number = errno;
  ::sigaction(SIGTERM, &before, nullptr);
  if (!taken) return os_error("flock", root + "/lock", number);
  return turn;
}

std::vector<unsigned> numbers_in(const std::string& root) {
  std::vector<unsigned> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(root.c_str()), ::closedir);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    if (const auto number = base::parse_count(entry->d_name, kMostInstances)) {
      numbers.push_back(static_cast<unsigned>(*number));
    }
  }
  return numbers;
}

// What an instance's folder holds. Not whatever may be there: this runs as root.
Status remove_folder(const std::string& folder) {
  ::rmdir((folder + "/image").c_str());
  ::unlink((folder + "/token").c_str());
  ::unlink((folder + "/lock").c_str());
  if (::rmdir(folder.c_str()) != 0 && errno != ENOENT) return os_error("rmdir", folder);
  return {};
}

// The folder of an instance's control groups is named by its number and by this: keepers of other
// containers may use the same hierarchies and, without our /run, the same numbers.
Result<std::string> make_token() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) return os_error("getrandom", "");
  std::array<char, kTokenLength + 1> text{};
  (void)std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(random));
  return std::string(text.data());
}

std::string group_name(unsigned number, const std::string& token) {
  return std::to_string(number) + "-" + token;
}

// None, or half of one: its keeper was killed before it made groups.
std::optional<std::string> read_token(const std::string& folder) {
  auto token = kernel::read_small_file(AT_FDCWD, folder + "/token");
  if (!token || token->size() != kTokenLength) return std::nullopt;
  if (token->find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  return *std::move(token);
}

// Removes what instance `number` left, if its keeper is dead.
Status sweep(const std::string& root, unsigned number) {
  const std::string folder = root + "/" + std::to_string(number);
  RETORT_TRY(const Fd lock, open_lock(folder + "/lock"));
  if (!try_lock(lock)) return {};
  const auto token = read_token(folder);
  if (!token) return remove_folder(folder);
  // Where they cannot be reached (read-only today), the folder stays: it alone knows their name.
  auto groups = kernel::open_groups(group_name(number, *token));
  const auto swept = groups ? (*groups)->sweep() : Status(groups.error());
  if (!swept) return swept.error().within("cannot remove what a keeper that was killed left");
  return remove_folder(folder);
}

}  // namespace

std::string state_root() {
  if (::geteuid() == 0) return "/run/retort";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return std::string(runtime) + "/retort";
  return "/tmp/retort-" + std::to_string(::geteuid());
}

Result<std::unique_ptr<Instance>> Instance::claim(std::optional<unsigned> wanted) {
  const std::string root = state_root();
  RETORT_CHECK(make_root(root));
  RETORT_TRY(Fd turn, take_turn(root));
  for (const unsigned number : numbers_in(root)) {
    // What cannot be removed keeps its number, and with it its ids and groups: it is in nobody's
    // way.
    if (auto swept = sweep(root, number); !swept && wanted == number) return swept.error();
  }

  const unsigned first = wanted.value_or(0);
  const unsigned last = wanted.value_or(kMostInstances - 1);
  for (unsigned number = first; number <= last; ++number) {
    const std::string folder = root + "/" + std::to_string(number);
    if (::mkdir(folder.c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;  // alive, or it would have been swept
      return os_error("mkdir", folder);
    }
    RETORT_TRY(Fd lock, open_lock(folder + "/lock"));
    if (!try_lock(lock)) return os_error("flock", folder);
    std::unique_ptr<Instance> instance(new Instance(number, folder, std::move(lock)));
    if (auto furnished = instance->furnish(); !furnished) {
      turn.reset();  // its destructor takes another
      return furnished.error();
    }
    return instance;
  }
  if (wanted) {
    return Error{Fault::busy,
                 root + "/" + std::to_string(*wanted) + " belongs to a keeper that is running",
                 0};
  }
  return Error{Fault::exhausted, std::to_string(kMostInstances) + " keepers are running", 0};
}

Status Instance::furnish() {
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, image_folder(), 0755));
  RETORT_TRY(const auto token, make_token());
  auto groups = kernel::open_groups(group_name(number_, token));
  if (!groups) {
    why_no_groups_ = groups.error().what;
    return {};
  }
  // Written before there is a group: whoever sweeps after us removes what it names and nothing
  // else.
  RETORT_CHECK(kernel::write_file(AT_FDCWD, folder_ + "/token", token, 0600));
  groups_ = std::move(*groups);
  return groups_->prepare();
}

Instance::~Instance() {
  // The turn may not be had (a full disk): then the next keeper sweeps.
  const auto turn = open_lock(folder_.substr(0, folder_.rfind('/')) + "/lock");
  if (!turn || ::flock(turn->get(), LOCK_EX) != 0) return;
  if (groups_) (void)groups_->sweep();
  (void)remove_folder(folder_);
}

}  // namespace retort::keeper
