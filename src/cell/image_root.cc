// Image root: what of /etc programs of the host's /usr cannot do without, and nothing that says
// which host it is.
#include "cell/image_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>
#include <string>

#include <fnmatch.h>

#include "base/fd.h"
#include "cell/mount_plan.h"
#include "kernel/files.h"
#include "kernel/mounts.h"

namespace retort::cell {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// Names directly in /etc that are copied, with everything below them that everyone may read.
constexpr std::array kCopied = {
    "alternatives",  // what /usr/bin/java and its like point to
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "java-*",  // the configuration that /usr/lib/jvm points to
    "perl",
    "python3*",
    "mime.types",
    "protocols",
    "services",
};

constexpr int kDeepest = 8;

struct TextFile {
  const char* path;
  const char* text;
};
constexpr std::array kSynthetic = {
    TextFile{.path = "root/etc/passwd",
             .text = "root:x:0:0:root:/:/usr/sbin/nologin\n"
                     "box:x:1000:1000:box:/box:/bin/sh\n"
                     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
    TextFile{.path = "root/etc/group", .text = "root:x:0:\nbox:x:1000:\nnogroup:x:65534:\n"},
    TextFile{.path = "root/etc/hosts", .text = "127.0.0.1 localhost retort\n::1 localhost\n"},
    TextFile{.path = "root/etc/hostname", .text = "retort\n"},
    TextFile{.path = "root/etc/resolv.conf", .text = ""},
    TextFile{
        .path = "root/etc/nsswitch.conf",
        .text = "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"},
};

constexpr std::array kFolders = {
    "root",
    "usr",
    "empty",
    "new",
    "root/etc",
    "root/usr",
    "root/proc",
    "root/dev",
    "root/dev/shm",
    "root/box",
    "root/tmp",
    "root/var",
    "root/var/tmp",
    "root/run",
    "root/etc/ssl",
    "root/etc/ssl/certs",
};

constexpr std::array kDeviceLinks = {
    DeviceLink{.name = "fd", .target = "/proc/self/fd"},
    DeviceLink{.name = "stdin", .target = "/proc/self/fd/0"},
    DeviceLink{.name = "stdout", .target = "/proc/self/fd/1"},
    DeviceLink{.name = "stderr", .target = "/proc/self/fd/2"},
};

Result<std::string> read_link(int directory, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (length < 0) return os_error("readlink", name);
  target.resize(static_cast<std::size_t>(length));
  return target;
}

// Copies one entry; what not everyone may read, and what is no file, link or folder, is left out.
Status copy_entry(int from, int to, const std::string& name, int depth) {
  struct stat info{};
  if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return os_error("stat", name);
  if (S_ISLNK(info.st_mode)) {
    RETORT_TRY(const auto target, read_link(from, name));
    if (::symlinkat(target.c_str(), to, name.c_str()) != 0) return os_error("symlink", name);
    return {};
  }
  if ((info.st_mode & S_IROTH) == 0) return {};
  if (S_ISREG(info.st_mode)) {
    RETORT_TRY(const auto text, kernel::read_small_file(from, name, 16U << 20U));
    return kernel::write_file(to, name, text, 0644);
  }
  if (!S_ISDIR(info.st_mode) || depth >= kDeepest) return {};
  RETORT_CHECK(kernel::make_directory(to, name, 0755));
  RETORT_TRY(const Fd target, kernel::open_at(to, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  RETORT_TRY(Fd source, kernel::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const int source_number = source.get();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(source.release()), ::closedir);
  if (!stream) return os_error("fdopendir", name);
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string below = entry->d_name;
    if (below != "." && below != "..") {
      RETORT_CHECK(copy_entry(source_number, target.get(), below, depth + 1));
    }
  }
  return {};
}

Status copy_etc() {
  RETORT_TRY(Fd source, kernel::open_at(AT_FDCWD, "/etc", O_RDONLY | O_DIRECTORY));
  RETORT_TRY(const Fd target, kernel::open_at(AT_FDCWD, "root/etc", O_PATH | O_DIRECTORY));
  const int source_number = source.get();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(source.release()), ::closedir);
  if (!stream) return os_error("fdopendir", "/etc");
  while (const dirent* entry = ::readdir(stream.get())) {
    for (const char* pattern : kCopied) {
      if (::fnmatch(pattern, entry->d_name, FNM_PERIOD) != 0) continue;
      RETORT_CHECK(copy_entry(source_number, target.get(), entry->d_name, 0));
      break;
    }
  }
  // Java's trust store, which its configuration links to.
  RETORT_TRY(const Fd certificates,
             kernel::open_at(AT_FDCWD, "root/etc/ssl/certs", O_PATH | O_DIRECTORY));
  if (auto java = kernel::open_at(AT_FDCWD, "/etc/ssl/certs", O_PATH | O_DIRECTORY)) {
    if (::faccessat(java->get(), "java", R_OK, 0) == 0) {
      RETORT_CHECK(copy_entry(java->get(), certificates.get(), "java", 0));
    }
  }
  return {};
}

// /bin, /lib and their like: links into /usr on a merged system, which is what Debian 12 is.
Status link_merged_folders() {
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    struct stat info{};
    const std::string path = "/" + std::string(name);
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (!S_ISLNK(info.st_mode)) {
      return Error{
          Fault::unsupported, path + " is not a link into /usr; install the package usrmerge", 0};
    }
    RETORT_TRY(const auto target, read_link(AT_FDCWD, path));
    if (::symlink(target.c_str(), ("root/" + std::string(name)).c_str()) != 0)
      return os_error("symlink", path);
  }
  return {};
}

}  // namespace

std::span<const DeviceLink> device_links() {
  return kDeviceLinks;
}

Status prepare_host_image() {
  for (const char* folder : kFolders) RETORT_CHECK(kernel::make_directory(AT_FDCWD, folder, 0755));
  for (const char* device : {"null", "zero", "full", "random", "urandom"}) {
    RETORT_CHECK(kernel::write_file(AT_FDCWD, "root/dev/" + std::string(device), "", 0644));
  }
  for (const DeviceLink& link : kDeviceLinks) {
    if (::symlink(link.target, (std::string("root/dev/") + link.name).c_str()) != 0)
      return os_error("symlink", link.name);
  }
  RETORT_CHECK(link_merged_folders());
  RETORT_CHECK(copy_etc());
  for (const TextFile& file : kSynthetic) {
    RETORT_CHECK(kernel::write_file(AT_FDCWD, file.path, file.text, 0644));
  }
  RETORT_TRY(const Fd usr, kernel::copy_mount(AT_FDCWD, "/usr", MOUNT_ATTR_RDONLY));
  return kernel::attach(usr, AT_FDCWD, kTemplateUsr);
}

}  // namespace retort::cell
