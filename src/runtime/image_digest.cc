// Image digest: the host's packages once, each needed program by its metadata.
#include "runtime/image_digest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <sstream>

#include "kernel/files.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::runtime {

namespace {

constexpr const char* kPackages = "/var/lib/dpkg/status";
constexpr std::size_t kLargestStatus = 256U << 20U;
constexpr std::size_t kLargestManifest = 1U << 20U;

// What changes when a file does: replaced, written or touched.
std::string state_of(const char* path) {
  struct stat info{};
  if (::stat(path, &info) != 0) return "absent";
  std::ostringstream text;
  text << info.st_size << ' ' << info.st_mtim.tv_sec << ' ' << info.st_mtim.tv_nsec;
  return text.str();
}

// The lines that say what is installed, and in which version; the file holds much besides, some of
// which changes without a change of the image.
std::string packages_digest() {
  const auto status = kernel::read_small_file(AT_FDCWD, kPackages, kLargestStatus);
  text::Sha256 digest;
  if (status) {
    std::istringstream lines(*status);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("Package:") || line.starts_with("Status:") ||
          line.starts_with("Version:") || line.starts_with("Architecture:"))
        digest.update(line + "\n");
    }
  }
  return text::hex(text::bytes_of(digest.finish()));
}

const std::string& host_digest() {
  static std::string seen;
  static std::string digest;
  if (const std::string now = state_of(kPackages); now != seen) {
    seen = now;
    digest = packages_digest();
  }
  return digest;
}

}  // namespace

std::string image_digest(const Manifest& manifest) {
  text::Sha256 digest;
  digest.update(manifest.image + "\n" + host_digest() + "\n");
  for (const std::string& path : manifest.needs) {
    std::array<char, PATH_MAX> real{};
    const bool is_there = ::realpath(path.c_str(), real.data()) != nullptr;
    digest.update(path + "\n" + (is_there ? real.data() : "") + "\n" + state_of(path.c_str()) +
                  "\n");
  }
  return "sha256:" + text::hex(text::bytes_of(digest.finish()));
}

base::Result<std::string> runtime_digest(const Manifest& manifest) {
  RETORT_TRY(
      const auto text,
      kernel::read_small_file(AT_FDCWD, manifest.folder + "/runtime.toml", kLargestManifest));
  text::Sha256 digest;
  digest.update(text);
  digest.update(image_digest(manifest));
  return "sha256:" + text::hex(text::bytes_of(digest.finish()));
}

}  // namespace retort::runtime
