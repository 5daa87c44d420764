// H03: locks on files that more than one cell sees. Each cell takes them all, and holds them while
// the others try; the harness holds some on the host's side.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attacks/calls.h"
#include "selftest/services.h"

namespace retort::attacks {
namespace {

// Nobody else may hold any kind of lock on it; this process does afterwards.
void take_locks(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  expect(file >= 0, path + " cannot be opened");
  if (file < 0) return;
  expect(::flock(file, LOCK_EX | LOCK_NB) == 0, path + ": another's flock is seen");
  for (const auto& [name, command] :
       {std::pair{"a lock", F_GETLK}, {"an open file's", F_OFD_GETLK}}) {
    struct flock question{};
    question.l_type = F_WRLCK;
    question.l_whence = SEEK_SET;
    if (::fcntl(file, command, &question) == 0)
      expect(question.l_type == F_UNLCK, path + ": " + name + " of another is seen");
  }
  struct flock shared{};
  shared.l_type = F_RDLCK;
  shared.l_whence = SEEK_SET;
  (void)::fcntl(file, F_OFD_SETLK, &shared);
  expect_refused(::fcntl(file, F_SETLEASE, F_RDLCK), {ENOSYS}, path + ": a lease");
}

int run(unsigned) {
  for (const char* path : {selftest::kLockedFile,
                           "/usr/bin/bash",
                           "/usr/bin",
                           "/usr",
                           "/",
                           "/etc",
                           "/etc/passwd",
                           "/etc/ld.so.cache",
                           "/usr/lib",
                           "/run",
                           "/var",
                           "/tmp",
                           "/dev",
                           "/dev/shm",
                           "/box"}) {
    take_locks(path);
  }
  ::usleep(800'000);
  return verdict();
}

const Enrol kAttack{{.id = "H03",
                     .what = "locks on files of the image, beside other cells and the host",
                     .run = run,
                     .cells = {.count = 3, .order = Cells::Order::together}}};

int run_namespaces(unsigned) {
  const auto names = list_folder("/proc/self/ns");
  expect(names.size() >= 8, "/proc/self/ns has only " + std::to_string(names.size()) + " entries");
  for (const std::string& name : names) {
    // Of the two names of one file the second would meet the first's lock.
    if (!name.ends_with("_for_children")) take_locks("/proc/self/ns/" + name);
  }
  take_locks("/proc");
  take_locks("/proc/self/exe");
  ::usleep(800'000);
  return verdict();
}

const Enrol kNamespaces{{.id = "H03b",
                         .what = "locks on namespaces and /proc",
                         .run = run_namespaces,
                         .cells = {.count = 3, .order = Cells::Order::together}}};

}  // namespace
}  // namespace retort::attacks
