// TemporaryFile: O_EXCL, rename, and the walks of our own folders.
#include "store/temporary_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "kernel/files.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::store {

using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kNameBytes = 16;

struct CloseFolder {
  void operator()(DIR* folder) const { (void)::closedir(folder); }
};

}  // namespace

Result<TemporaryFile> TemporaryFile::create(const Fd& folder) {
  std::string name = text::hex(text::random_bytes(kNameBytes));
  RETORT_TRY(Fd file,
             kernel::open_at(folder.get(), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return TemporaryFile(&folder, std::move(name), std::move(file));
}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) (void)::unlinkat(folder_->get(), name_.c_str(), 0);
}

Status TemporaryFile::publish(const Fd& to, const std::string& name) {
  if (::renameat(folder_->get(), name_.c_str(), to.get(), name.c_str()) != 0) {
    return os_error("rename to", name);
  }
  name_.clear();
  return {};
}

Status sync(const Fd& file, std::string_view object) {
  while (::fsync(file.get()) != 0) {
    if (errno != EINTR) return os_error("fsync", object);
  }
  return {};
}

Result<std::vector<std::string>> names_in(const Fd& folder) {
  // A description of its own: reading a folder moves its place.
  RETORT_TRY(Fd own, kernel::open_at(folder.get(), ".", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseFolder> walk(::fdopendir(own.get()));
  if (walk == nullptr) return os_error("fdopendir", "");
  (void)own.release();  // closedir closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(walk.get());
    if (entry == nullptr && errno != 0) return os_error("readdir", "");
    if (entry == nullptr) return names;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
}

Result<Fd> open_folder(const Fd& parent, const std::string& name) {
  RETORT_CHECK(kernel::make_directory(parent.get(), name, 0700));
  return kernel::open_at(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Status empty_folder(const Fd& folder) {
  RETORT_TRY(const auto names, names_in(folder));
  for (const std::string& name : names) {
    if (::unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return os_error("unlink", name);
    }
  }
  return {};
}

}  // namespace retort::store
