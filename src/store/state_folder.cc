// StateFolder: mkdir, a look at the mode, and flock.
#include "store/state_folder.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "kernel/files.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;

namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

// What the other server wrote into its lock: for the message only.
std::string holder_of(const Fd& folder) {
  const auto text = kernel::read_small_file(folder.get(), "lock", 64);
  if (!text || text->empty()) return "another process";
  return "process " + base::printable(text->substr(0, text->find('\n')));
}

}  // namespace

Result<Fd> open_state_folder(const std::string& path) {
  RETORT_CHECK(kernel::make_directory(AT_FDCWD, path, 0700));
  RETORT_TRY(Fd folder, kernel::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  struct stat facts{};
  if (::fstat(folder.get(), &facts) != 0) return os_error("fstat", path);
  if ((facts.st_mode & kOthersWrite) != 0) {
    return Error{
        Fault::denied, "state folder " + path + ": others can write to it; chmod 700 it", 0};
  }
  return folder;
}

Result<Fd> lock_state_folder(const Fd& folder, const std::string& path) {
  RETORT_TRY(Fd lock, kernel::open_at(folder.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return os_error("flock", path + "/lock");
    return Error{Fault::busy,
                 "state folder " + path + " is in use by " + holder_of(folder) +
                     "; end that server, or give this one a folder of its own",
                 0};
  }
  if (::ftruncate(lock.get(), 0) != 0) return os_error("ftruncate", path + "/lock");
  RETORT_CHECK(kernel::write_all(lock, std::to_string(::getpid()) + "\n"));
  return lock;
}

}  // namespace retort::store
