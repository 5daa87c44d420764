// Landlock: landlock(7), with the constants that Debian 12's headers do not know yet.
#include "kernel/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/fd.h"
#include "kernel/files.h"

namespace retort::kernel {

using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// include/uapi/linux/landlock.h of Linux 6.12.
constexpr std::uint64_t kTruncate = 1ULL << 14U;     // since version 3
constexpr std::uint64_t kIoctlDevice = 1ULL << 15U;  // 5
constexpr std::uint64_t kNetwork = 3;                // bind and connect of TCP; 4
constexpr std::uint64_t kScopes = 3;                 // abstract sockets and signals; 6
struct RulesetAttributes {
  std::uint64_t handled_files = 0;
  std::uint64_t handled_network = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t kRead =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kMake = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kDevices = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

// What each version knows of the accesses to files.
std::uint64_t known_accesses(int version) {
  std::uint64_t known = kRead | kMake | kDevices | LANDLOCK_ACCESS_FS_WRITE_FILE;
  if (version >= 2) known |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) known |= kTruncate;
  if (version >= 5) known |= kIoctlDevice;
  return known;
}

Status allow(const Fd& ruleset, int folder, std::uint64_t accesses) {
  const landlock_path_beneath_attr rule{.allowed_access = accesses, .parent_fd = folder};
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return os_error("landlock_add_rule", "");
  }
  return {};
}

Status allow(const Fd& ruleset, const std::string& folder, std::uint64_t accesses) {
  RETORT_TRY(const Fd opened, open_at(AT_FDCWD, folder, O_PATH));
  if (auto added = allow(ruleset, opened.get(), accesses); !added)
    return added.error().within(folder);
  return {};
}

}  // namespace

Result<int> landlock_version() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) return os_error("landlock_create_ruleset", "");
  return static_cast<int>(version);
}

Status restrict_with_landlock(const LandlockRules& rules, int version) {
  const std::uint64_t known = known_accesses(version);
  const RulesetAttributes attributes{
      .handled_files = known,
      .handled_network = version >= 4 && !rules.internet ? kNetwork : 0,
      .scoped = version >= 6 ? kScopes : 0,
  };
  // Older kernels take the shorter structure they know.
  const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset.is_open()) return os_error("landlock_create_ruleset", "");
  for (const std::string& folder : rules.readable) RETORT_CHECK(allow(ruleset, folder, kRead));
  const std::uint64_t rewrite = (LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate) & known;
  for (const std::string& folder : rules.rewritable)
    RETORT_CHECK(allow(ruleset, folder, kRead | rewrite));
  const std::uint64_t write = (kRead | kMake | LANDLOCK_ACCESS_FS_REFER | rewrite) & known;
  for (const std::string& folder : rules.writable) RETORT_CHECK(allow(ruleset, folder, write));
  for (const std::string& device : rules.terminals) {
    if (version >= 5) RETORT_CHECK(allow(ruleset, device, kIoctlDevice));
  }
  for (const int folder : rules.readable_descriptors) RETORT_CHECK(allow(ruleset, folder, kRead));
  for (const int folder : rules.writable_descriptors) RETORT_CHECK(allow(ruleset, folder, write));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return os_error("landlock_restrict_self", "");
  }
  return {};
}

}  // namespace retort::kernel
