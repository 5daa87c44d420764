// Files: opening, reading and writing by descriptor, and the walks that a stranger cannot lead
// astray.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace retort::kernel {

using base::Fd;
using base::Result;
using base::Status;

// openat(2) with O_CLOEXEC. `directory` may be AT_FDCWD.
Result<Fd> open_at(int directory, const std::string& path, int flags, mode_t mode = 0);

// openat2(2) confined to `directory`: no "..", no symbolic link, no magic link, no other mount on
// the way.
Result<Fd> open_beneath(const Fd& directory, const std::string& path, int flags, mode_t mode = 0);

// A small file (a kernel interface, a configuration) whole; Fault::invalid when it is over
// `largest` bytes.
Result<std::string> read_small_file(int directory,
                                    const std::string& path,
                                    std::size_t largest = 1U << 20U);

// Writes `text` in one write(2), as the kernel's own files want it. Does not create the file.
Status write_kernel_file(int directory, const std::string& path, std::string_view text);

// Creates or replaces a file of ours.
Status write_file(int directory, const std::string& path, std::string_view text, mode_t mode);

// mkdirat(2); a directory that is there already is fine.
Status make_directory(int directory, const std::string& path, mode_t mode);

// The folder that `name`, a path below `root`, lies in, with the walk of open_beneath. Folders that
// are missing are made with `mode`; `name` becomes its last component.
Result<Fd> open_parent(const Fd& root, std::string& name, mode_t mode);

// The folder that holds the program that this process runs.
Result<std::string> program_folder();

// All of `bytes`; a short write goes on, EINTR is retried.
Status write_all(const Fd& file, std::span<const std::byte> bytes);
Status write_all(const Fd& file, std::string_view text);

// Reads until `buffer` is full or the end; returns the number of bytes read.
Result<std::size_t> read_full(const Fd& file, std::span<std::byte> buffer);

// The same file by an open file description of its own, for reading from its start: two readers of
// one description would move each other's place.
Result<Fd> reopen_for_reading(const Fd& file);

// O_NONBLOCK on a descriptor of our own pipes and sockets.
Status set_nonblocking(const Fd& file);

// An anonymous file in memory (memfd_create(2)) that can be sealed.
Result<Fd> make_memory_file(const char* name);
// Nobody, ourselves included, can change or resize it from here on.
Status seal(const Fd& memory_file);

// Descriptors 0, 1 and 2 exist from here on, as /dev/null where the caller had closed them:
// otherwise files of ours would get these numbers, and whatever is printed would go there. False
// when that cannot be had.
bool hold_standard_descriptors();

struct Pipe {
  Fd read_end;
  Fd write_end;
};
Result<Pipe> make_pipe();

}  // namespace retort::kernel
