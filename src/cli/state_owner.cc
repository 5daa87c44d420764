// State owner: a folder is given away once, empty, by root.
#include "cli/state_owner.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "kernel/credentials.h"
#include "kernel/files.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Status;

namespace {

// The folder that the server keeps its state in, as the user that it becomes owns it.
Status make_state_folder(const std::string& path, uid_t user, gid_t group) {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (!parent.empty()) RETORT_CHECK(kernel::make_directory(AT_FDCWD, parent, 0755));
  RETORT_TRY(const base::Fd above,
             kernel::open_at(AT_FDCWD, parent.empty() ? "/" : parent, O_RDONLY | O_DIRECTORY));
  struct stat upper{};
  if (::fstat(above.get(), &upper) != 0) return base::os_error("fstat", parent);
  // Whoever can rename what is in there could have another folder given away.
  const bool is_open = (upper.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (upper.st_mode & S_ISVTX) == 0;
  if (::geteuid() == 0 && (upper.st_uid != 0 || is_open)) {
    return Error{Fault::denied,
                 parent + " can be changed by others than root; make " + path +
                     " yourself and give it to the server's user, or set server.state to another "
                     "folder",
                 0};
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  RETORT_CHECK(kernel::make_directory(above.get(), name, 0700));
  RETORT_TRY(const base::Fd folder,
             kernel::open_at(above.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat info{};
  if (::fstat(folder.get(), &info) != 0) return base::os_error("fstat", path);
  if (info.st_uid == user) return {};
  // Only a folder of root's own is given away, and never one that holds another's files.
  if (info.st_uid != 0) {
    return Error{Fault::denied,
                 path + " belongs to user id " + std::to_string(info.st_uid) +
                     "; give it to the server's user, or set server.state to another folder",
                 0};
  }
  if (::fchown(folder.get(), user, group) != 0) return base::os_error("chown", path);
  return {};
}

}  // namespace

Status enter_state(const api::Settings& settings) {
  const std::string& path = settings.server.state;
  if (::geteuid() != 0) return make_state_folder(path, ::geteuid(), ::getegid());
  const std::string& name = settings.server.user;
  const passwd* const user = ::getpwnam(name.c_str());
  if (user == nullptr) {
    return Error{Fault::not_found,
                 "there is no user " + name +
                     ", whom the server becomes; as root: useradd --system --user-group "
                     "--no-create-home --shell /usr/sbin/nologin " +
                     name + " (or set server.user)",
                 0};
  }
  if (user->pw_uid == 0)
    return Error{Fault::invalid, "server.user: the server does not stay root", 0};
  const uid_t id = user->pw_uid;
  const gid_t group = user->pw_gid;
  RETORT_CHECK(make_state_folder(path, id, group));
  return kernel::become(id, group);
}

}  // namespace retort::cli
