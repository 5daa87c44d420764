// B05: fill every folder that can be written: with bytes, with more bytes than memory, with names.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kDisk = 16U << 20U;
constexpr unsigned kInodes = 256;
constexpr const char* kFolders[] = {"/tmp/", "/var/tmp/", "/dev/shm/", "./"};

// How much went into a file; `errno` says why no more did.
std::uint64_t fill(const std::string& path, std::uint64_t most) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string block(65536, 'x');
  std::uint64_t written = 0;
  while (file >= 0 && written < most) {
    const ssize_t count = ::write(file, block.data(), block.size());
    if (count < 0) break;
    written += static_cast<std::uint64_t>(count);
  }
  return written;
}

int run_bytes(unsigned) {
  std::uint64_t written = 0;
  for (const char* folder : kFolders) {
    written += fill(std::string(folder) + "full", 2 * kDisk);
    expect(errno == ENOSPC, std::string("no end in ") + folder);
  }
  expect(written <= kDisk, "more bytes than the limit: " + std::to_string(written));
  return verdict();
}

int run_memory(unsigned) {
  fill("full", 128U << 20U);
  return 0;
}

int run_names(unsigned) {
  unsigned made = 0;
  for (const char* folder : kFolders) {
    bool full = false;
    for (unsigned i = 0; i < 2 * kInodes && !full; ++i) {
      full = !write_file(folder + std::to_string(i), "");
      if (!full) ++made;
    }
    expect(full, std::string("no end of names in ") + folder);
  }
  expect(made <= kInodes, "more names than the limit: " + std::to_string(made));
  return verdict();
}

const Enrol kBytes{{.id = "B05",
                    .what = "fill the disk",
                    .run = run_bytes,
                    .exit_code = 0,
                    .limits_hit = {"disk"},
                    .limits = {"disk=16MiB", "file_size=64MiB"}}};
const Enrol kMemory{{.id = "B05b",
                     .what = "fill more disk than there is memory",
                     .run = run_memory,
                     .statuses = {"memory_limit"},
                     .signal = 9,
                     .limits_hit = {"memory"},
                     .limits = {"memory=64MiB", "disk=256MiB", "file_size=256MiB"}}};
const Enrol kNames{{.id = "B05c",
                    .what = "take every inode",
                    .run = run_names,
                    .exit_code = 0,
                    .limits_hit = {"disk_inodes"},
                    .limits = {"disk_inodes=256"}}};

}  // namespace
}  // namespace retort::attacks
