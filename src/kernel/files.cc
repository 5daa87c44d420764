// Files: thin, typed calls; every error names the call and the path.
#include "kernel/files.h"

#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace retort::kernel {

using base::Error;
using base::Fault;
using base::os_error;

Result<Fd> open_at(int directory, const std::string& path, int flags, mode_t mode) {
  const int number = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
  if (number < 0) return os_error("open", path);
  return Fd(number);
}

Result<Fd> open_beneath(const Fd& directory, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  // EAGAIN: a rename raced the walk and the kernel could not prove containment. Ask again, not for
  // ever.
  for (int attempt = 0; attempt < 8; ++attempt) {
    const long number = ::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how);
    if (number >= 0) return Fd(static_cast<int>(number));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return os_error("openat2", path);
}

Result<std::string> read_small_file(int directory, const std::string& path, std::size_t largest) {
  RETORT_TRY(const Fd file, open_at(directory, path, O_RDONLY));
  std::string text;
  std::string chunk(4096, '\0');
  for (;;) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("read", path);
    if (count == 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(count));
    if (text.size() > largest) {
      return Error{
          Fault::invalid, "read " + path + ": over " + std::to_string(largest) + " bytes", 0};
    }
  }
}

Status write_kernel_file(int directory, const std::string& path, std::string_view text) {
  RETORT_TRY(const Fd file, open_at(directory, path, O_WRONLY));
  const ssize_t count = ::write(file.get(), text.data(), text.size());
  if (count < 0) return os_error("write '" + std::string(text) + "' to", path);
  return {};
}

Status write_file(int directory, const std::string& path, std::string_view text, mode_t mode) {
  RETORT_TRY(const Fd file,
             open_at(directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  if (auto written = write_all(file, text); !written) return written.error().within(path);
  return {};
}

Status make_directory(int directory, const std::string& path, mode_t mode) {
  if (::mkdirat(directory, path.c_str(), mode) != 0 && errno != EEXIST) {
    return os_error("mkdir", path);
  }
  return {};
}

Result<Fd> open_parent(const Fd& root, std::string& name, mode_t mode) {
  RETORT_TRY(Fd folder, open_beneath(root, ".", O_PATH | O_DIRECTORY));
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/')) {
    const std::string component = name.substr(0, slash);
    RETORT_CHECK(make_directory(folder.get(), component, mode));
    RETORT_TRY(Fd below, open_beneath(folder, component, O_PATH | O_DIRECTORY));
    folder = std::move(below);
    name.erase(0, slash + 1);
  }
  return folder;
}

Result<std::string> program_folder() {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  if (length < 0) return os_error("readlink", "/proc/self/exe");
  self.resize(static_cast<std::size_t>(length));
  return self.substr(0, self.rfind('/'));
}

Status write_all(const Fd& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("write", "");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status write_all(const Fd& file, std::string_view text) {
  return write_all(file, std::as_bytes(std::span(text)));
}

Result<std::size_t> read_full(const Fd& file, std::span<std::byte> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = ::read(file.get(), buffer.data() + done, buffer.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_error("read", "");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<Fd> reopen_for_reading(const Fd& file) {
  return open_at(AT_FDCWD, "/proc/self/fd/" + std::to_string(file.get()), O_RDONLY);
}

Status set_nonblocking(const Fd& file) {
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return os_error("fcntl", "O_NONBLOCK");
  }
  return {};
}

Result<Fd> make_memory_file(const char* name) {
  const int number = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (number < 0) return os_error("memfd_create", name);
  return Fd(number);
}

Status seal(const Fd& memory_file) {
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  // The kernel waits some 150 ms for pages that it is moving or reclaiming itself, then it gives
  // up.
  constexpr int kTimes = 16;
  for (int i = 0; i < kTimes; ++i) {
    if (::fcntl(memory_file.get(), F_ADD_SEALS, kSeals) == 0) return {};
    if (errno != EBUSY) break;
  }
  return os_error("fcntl", "F_ADD_SEALS");
}

bool hold_standard_descriptors() {
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    // The lowest free number is this one; it is meant to be inherited.
    if (::open("/dev/null", O_RDWR) != descriptor) return false;  // NOLINT(android-cloexec-open)
  }
  return true;
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("pipe2", "");
  return Pipe{.read_end = Fd(ends[0]), .write_end = Fd(ends[1])};
}

}  // namespace retort::kernel
