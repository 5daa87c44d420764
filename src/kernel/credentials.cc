// Credentials: capabilities(7) by the raw calls, which take no memory and no library.
#include "kernel/credentials.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/weaken.h"

namespace retort::kernel {

using base::os_error;

namespace {

constexpr int kMostCapabilities = 64;

Status get_capabilities(std::array<__user_cap_data_struct, 2>& sets) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return os_error("capget", "");
  return {};
}

Status set_capabilities(const std::array<__user_cap_data_struct, 2>& sets) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return os_error("capset", "");
  return {};
}

}  // namespace

Status keep_capabilities_over_exec() {
  std::array<__user_cap_data_struct, 2> sets{};
  RETORT_CHECK(get_capabilities(sets));
  for (auto& set : sets) set.inheritable = set.permitted;
  RETORT_CHECK(set_capabilities(sets));
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    const auto& set = sets.at(static_cast<std::size_t>(capability) / 32);
    if ((set.permitted >> (static_cast<unsigned>(capability) % 32) & 1U) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) {
      return os_error("prctl", "PR_CAP_AMBIENT_RAISE");
    }
  }
  return {};
}

Status drop_all_capabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return os_error("prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  }
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) break;  // past the last that this kernel knows
    if (held == 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return os_error("prctl", "PR_CAPBSET_DROP");
  }
  constexpr unsigned long kLocked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                    SECBIT_NO_CAP_AMBIENT_RAISE |
                                    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (!base::weakened("program:securebits") && ::prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0) != 0)
    return os_error("prctl", "PR_SET_SECUREBITS");
  return set_capabilities({});
}

Status keep_only_capabilities(std::span<const int> kept) {
  std::array<__user_cap_data_struct, 2> sets{};
  RETORT_CHECK(get_capabilities(sets));
  std::array<std::uint32_t, 2> wanted{};
  for (const int capability : kept)
    wanted.at(static_cast<std::size_t>(capability) / 32) |=
        1U << (static_cast<unsigned>(capability) % 32);
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    const auto place = static_cast<std::size_t>(capability) / 32;
    if ((wanted.at(place) >> (static_cast<unsigned>(capability) % 32) & 1U) != 0) continue;
    const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) break;  // past the last that this kernel knows
    if (held > 0 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return os_error("prctl", "PR_CAPBSET_DROP");
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets.at(i).permitted &= wanted.at(i);
    sets.at(i).effective = sets.at(i).permitted;
    sets.at(i).inheritable = 0;
  }
  return set_capabilities(sets);
}

Status become(uid_t user, gid_t group) {
  // EPERM where the user namespace was made without privilege: there setgroups is denied for good
  // (user_namespaces(7)).
  if (::setgroups(0, nullptr) != 0 && errno != EPERM) return os_error("setgroups", "");
  if (::setresgid(group, group, group) != 0) return os_error("setresgid", std::to_string(group));
  // Keep the permitted set through the change, so that the caller can drop what is left in order.
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return os_error("prctl", "PR_SET_KEEPCAPS");
  if (::setresuid(user, user, user) != 0) return os_error("setresuid", std::to_string(user));
  std::array<__user_cap_data_struct, 2> sets{};
  RETORT_CHECK(get_capabilities(sets));
  for (auto& set : sets) set.effective = set.permitted;
  return set_capabilities(sets);
}

Status forbid_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return os_error("prctl", "PR_SET_NO_NEW_PRIVS");
  return {};
}

Status hide_from_peers() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os_error("prctl", "PR_SET_DUMPABLE");
  return {};
}

}  // namespace retort::kernel
