// User namespace: user_namespaces(7), subuid(5), newuidmap(1).
#include "keeper/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "kernel/files.h"
#include "kernel/namespaces.h"
#include "kernel/process.h"

namespace retort::keeper {

using base::Error;
using base::Fault;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// 0x70000000 to 0x7FFFFFFF: systemd's documentation of ids lists it as unused
// (https://systemd.io/UIDS-GIDS/).
constexpr unsigned kRootFirst = 0x7000'0000;
constexpr unsigned kRootBlock = 0x1'0000;

// A subordinate range of 65536 ids, which is what Debian gives to each user, serves 64 keepers at
// one time.
constexpr unsigned kUserBlock = 1024;
constexpr unsigned kUserBlocks = 64;

struct Subordinate {
  unsigned first = 0;
  unsigned count = 0;
};

// From /etc/passwd alone: a static program cannot load the services that getpwuid(3) may ask.
std::string user_name() {
  const auto text = kernel::read_small_file(AT_FDCWD, "/etc/passwd", 16U << 20U);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name;
    std::string skipped;
    std::string id;
    if (std::getline(fields, name, ':') && std::getline(fields, skipped, ':') &&
        std::getline(fields, id, ':') && id == std::to_string(::geteuid())) {
      return name;
    }
  }
  return {};
}

// The first range of the user in /etc/subuid or /etc/subgid: "name:first:count" or
// "uid:first:count".
Subordinate find_subordinate(const std::string& file) {
  const std::string name = user_name();
  const auto text = kernel::read_small_file(AT_FDCWD, file);
  if (!text) return {};
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string owner;
    Subordinate range;
    char colon = 0;
    if (!std::getline(fields, owner, ':') || !(fields >> range.first >> colon >> range.count))
      continue;
    if (owner == name || owner == std::to_string(::geteuid())) return range;
  }
  return {};
}

// Runs newuidmap or newgidmap on `target`; they are set-user-id, so they must run outside the new
// namespace.
Status run_mapper(const char* program, pid_t target, unsigned own, const Subordinate& range) {
  std::vector<std::string> words = {program,
                                    std::to_string(target),
                                    "0",
                                    std::to_string(own),
                                    "1",
                                    "1",
                                    std::to_string(range.first),
                                    std::to_string(range.count)};
  RETORT_TRY(const auto child, kernel::fork_child(0));
  if (child.pid == 0) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char path[] = "PATH=/usr/bin:/bin";
    char* const variables[] = {path, nullptr};
    ::execvpe(program, arguments.data(), variables);
    ::_exit(127);
  }
  RETORT_TRY(const auto ended, kernel::reap(child.pidfd));
  if (ended.si_code != CLD_EXITED || ended.si_status != 0) {
    return Error{Fault::denied, std::string(program) + " did not map the ids of " + words.at(6), 0};
  }
  return {};
}

Error explain(const Error& error) {
  return Error{Fault::denied,
               error.what +
                   ": this user may not make user namespaces; run as root, or as root: "
                   "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=65536",
               error.os_errno};
}

// Maps the caller's ids from a process that stays outside: newuidmap must be there, and the ranges
// as well.
Result<bool> enter_with_subordinates(const Subordinate& users, const Subordinate& groups) {
  const pid_t self = ::getpid();
  const unsigned user = ::geteuid();
  const unsigned group = ::getegid();
  RETORT_TRY(auto entered, kernel::make_pipe());
  RETORT_TRY(const auto helper, kernel::fork_child(0));
  if (helper.pid == 0) {
    entered.write_end.reset();
    char go = 0;
    if (::read(entered.read_end.get(), &go, 1) != 1) ::_exit(1);
    const bool mapped = run_mapper("newuidmap", self, user, users).has_value() &&
                        run_mapper("newgidmap", self, group, groups).has_value();
    ::_exit(mapped ? 0 : 1);
  }
  const bool inside = ::unshare(CLONE_NEWUSER) == 0;
  const int number = errno;
  if (inside && ::write(entered.write_end.get(), "m", 1) != 1) return os_error("write", "");
  entered.write_end.reset();
  RETORT_TRY(const auto ended, kernel::reap(helper.pidfd));
  if (!inside) return explain(os_error("unshare", "CLONE_NEWUSER", number));
  return ended.si_code == CLD_EXITED && ended.si_status == 0;
}

Status map_own_id(unsigned user, unsigned group) {
  const std::array users = {kernel::IdRange{.inside = 0, .outside = user, .count = 1}};
  const std::array groups = {kernel::IdRange{.inside = 0, .outside = group, .count = 1}};
  return kernel::map_ids(::getpid(), users, groups);
}

}  // namespace

Result<IdBlock> acquire_ids(unsigned instance) {
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0) return os_error("setgroups", "");
    return IdBlock{.first = kRootFirst + instance * kRootBlock, .count = kRootBlock};
  }
  const unsigned user = ::geteuid();
  const unsigned group = ::getegid();
  const Subordinate users = find_subordinate("/etc/subuid");
  const Subordinate groups = find_subordinate("/etc/subgid");
  const bool enough =
      users.count >= kUserBlock * kUserBlocks && groups.count >= kUserBlock * kUserBlocks;
  if (enough && instance >= kUserBlocks) {
    return Error{Fault::exhausted,
                 std::to_string(kUserBlocks) + " keepers of this user are running; wait for one",
                 0};
  }
  if (enough && ::access("/usr/bin/newuidmap", X_OK) == 0) {
    RETORT_TRY(const bool mapped, enter_with_subordinates(users, groups));
    if (mapped) {
      // Ids change with the map: become 0 inside, which every later step takes for granted.
      if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return os_error("setresuid", "0");
      return IdBlock{
          .first = 1 + instance * kUserBlock, .count = kUserBlock, .own_namespace = true};
    }
    return Error{Fault::denied,
                 "newuidmap refused the ids of /etc/subuid and /etc/subgid; see subuid(5)",
                 0};
  }
  if (::unshare(CLONE_NEWUSER) != 0) return explain(os_error("unshare", "CLONE_NEWUSER"));
  RETORT_CHECK(map_own_id(user, group));
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) return os_error("setresuid", "0");
  return IdBlock{.own_namespace = true};
}

}  // namespace retort::keeper
