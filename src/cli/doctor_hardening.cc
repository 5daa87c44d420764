// Hardening checks: what makes the walls around cells thicker, and is the host's to set.
#include <fcntl.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "base/bytes.h"
#include "cli/doctor_checks.h"
#include "cli/doctor_mend.h"
#include "kernel/files.h"
#include "kernel/landlock.h"
#include "kernel/probe.h"
#include "kernel/processor.h"

namespace retort::cli {

namespace {

struct IdFile {
  unsigned next_free = 100'000;
  bool listed = false;  // this user is
  bool enough = false;  // as the keeper wants it: the first range of this user
};

// subuid(5), subgid(5): "owner:first:count".
IdFile read_ids(const char* file, const std::string& name) {
  constexpr unsigned kWanted = 65'536;
  IdFile ids;
  std::istringstream lines(kernel::read_small_file(AT_FDCWD, file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string owner;
    unsigned first = 0;
    unsigned count = 0;
    char colon = 0;
    if (!std::getline(fields, owner, ':') || !(fields >> first >> colon >> count)) continue;
    ids.next_free = std::max(ids.next_free, first + count);
    if (!ids.listed && (owner == name || owner == std::to_string(::geteuid()))) {
      ids.listed = true;
      ids.enough = count >= kWanted;
    }
  }
  return ids;
}

// One step at a time: what is missing then is named by the next report.
std::string mend_ids(const std::string& name,
                     const IdFile& users,
                     const IdFile& groups,
                     bool has_mapper) {
  if (!has_mapper) return install("uidmap");
  if (users.enough && groups.enough) return no_command("end some of this user's other keepers");
  if ((users.listed && !users.enough) || (groups.listed && !groups.enough)) {
    return no_command("in /etc/subuid and /etc/subgid the first range of " + name +
                      " must have 65536 ids");
  }
  const unsigned first = std::max(users.next_free, groups.next_free);
  const std::string range = std::to_string(first) + "-" + std::to_string(first + 65'535);
  return as_root("usermod --add-subuids " + range + " --add-subgids " + range + " " + name);
}

void check_ids(Checks& checks, const keeper::Abilities* abilities) {
  Check check{"own-ids", "hardening", Level::hardening, "user ids that only one cell has"};
  check.lost =
      "a cell's processes run under this user's own id, and share its quotas, keys and signals; "
      "limit processes has no second bound";
  if (is_root()) {
    check.detail = "a block of 65536 for each keeper";
    checks.push_back(check);
    return;
  }
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string name = entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
  const IdFile users = read_ids("/etc/subuid", name);
  const IdFile groups = read_ids("/etc/subgid", name);
  const bool has_ranges = users.enough && groups.enough;
  const bool has_mapper = ::access("/usr/bin/newuidmap", X_OK) == 0;
  check.found = abilities != nullptr ? !abilities->single_id : has_ranges && has_mapper;
  std::vector<std::string> missing;
  if (!has_mapper) missing.emplace_back("no newuidmap");
  if (!has_ranges)
    missing.push_back("no 65536 ids for " + name + " in /etc/subuid and /etc/subgid");
  if (missing.empty()) missing.emplace_back("other keepers have all ids of /etc/subuid");
  check.detail = check.found ? "from /etc/subuid" : joined(missing, "; ");
  check.mend = mend_ids(name, users, groups, has_mapper);
  checks.push_back(check);
}

struct Switch {
  const char* id;
  const char* key;
  long least;
  const char* set_to;
  const char* absent;  // why it is well where the kernel has no such switch; nullptr: it is not
  const char* lost;
};
constexpr std::array kSwitches = {
    Switch{"hardlinks",
           "fs.protected_hardlinks",
           1,
           "1",
           nullptr,
           "links to others' files can mislead root"},
    Switch{"symlinks", "fs.protected_symlinks", 1, "1", nullptr, "links in /tmp can mislead root"},
    Switch{"fifos",
           "fs.protected_fifos",
           1,
           "2",
           nullptr,
           "pipes that a user left in /tmp can mislead root"},
    Switch{"regular-files",
           "fs.protected_regular",
           2,
           "2",
           nullptr,
           "files that a user left in a shared folder can mislead root"},
    Switch{"bpf",
           "kernel.unprivileged_bpf_disabled",
           1,
           "2",
           "this kernel has no BPF",
           "users can load BPF programs; cells cannot, by their filter"},
    Switch{
        "kernel-addresses",
        "kernel.kptr_restrict",
        2,
        "2",
        nullptr,
        "users, or at 1 root alone, can read kernel addresses, which attacks on the kernel want; "
        "cells cannot, by their /proc"},
    Switch{"kernel-log",
           "kernel.dmesg_restrict",
           1,
           "1",
           "this kernel has no log",
           "users can read the kernel's log; cells cannot, by their filter"},
    Switch{"perf",
           "kernel.perf_event_paranoid",
           2,
           "3",
           "this kernel has no perf events",
           "users can observe the kernel and each other; cells cannot, by their filter"},
    Switch{"kexec",
           "kernel.kexec_load_disabled",
           1,
           "1",
           "this kernel cannot load another",
           "whoever becomes root can replace the kernel"},
};

void check_switches(Checks& checks) {
  for (const Switch& entry : kSwitches) {
    Check check{entry.id, "hardening", Level::hardening, entry.key};
    const std::string path = path_of_switch(entry.key);
    if (const auto value = line_of(path)) {
      check.detail = *value;
      check.found = number_of(*value) >= entry.least;
      check.mend = set_switch(entry.key, entry.set_to);
    } else if (::access(path.c_str(), F_OK) == 0) {
      check.found = false;
      check.detail = "not to be read by this user";
      check.mend = no_command("root alone can read it; sudo retort doctor does");
    } else {
      check.found = entry.absent != nullptr;
      check.detail = check.found ? entry.absent : "not on this kernel";
      check.mend = no_command("this kernel has no such switch");
    }
    check.lost = entry.lost;
    checks.push_back(check);
  }
}

void check_io_uring(Checks& checks) {
  Check check{"io-uring", "hardening", Level::hardening, "kernel.io_uring_disabled"};
  const auto value = read_switch("kernel.io_uring_disabled");
  // With no entries it is refused in any case: EINVAL where it exists.
  const bool exists = ::syscall(SYS_io_uring_setup, 0, nullptr) >= 0 || errno != ENOSYS;
  check.found = !exists || value == "2";
  check.detail =
      exists ? value.value_or("io_uring without a switch") : "this kernel has no io_uring";
  check.lost =
      "users, or at 1 those of one group, can reach io_uring, a source of kernel bugs; cells "
      "cannot, by their filter";
  check.mend = value ? set_switch("kernel.io_uring_disabled", "2")
                     : no_command("this kernel has no such switch; it came with Linux 6.6");
  checks.push_back(check);
}

void check_core_pattern(Checks& checks) {
  const std::string value = read_switch("kernel.core_pattern").value_or("");
  Check check{"core-pattern", "hardening", Level::hardening, "kernel.core_pattern"};
  check.found = !value.starts_with('|') && !value.starts_with('@');
  check.detail = base::printable(value);
  check.lost =
      "a program of root's outside the cell can be started on the memory of one that crashed in it";
  check.mend = set_switch("kernel.core_pattern", "core");
  checks.push_back(check);
}

void check_memory_and_processor(Checks& checks) {
  const std::string swaps = kernel::read_small_file(AT_FDCWD, "/proc/swaps").value_or("");
  const auto areas = std::ranges::count(swaps, '\n') - 1;  // the first line is a heading
  Check swap{"swap", "hardening", Level::hardening, "no swap"};
  swap.found = areas <= 0;
  if (!swap.found)
    swap.detail = std::to_string(areas) + (areas == 1 ? " area" : " areas") + " in use";
  swap.lost =
      "secrets of keepers and servers can reach the disk; a cell under limit memory swaps nothing";
  swap.mend = as_root("swapoff -a");
  checks.push_back(swap);

  const auto merging = line_of("/sys/kernel/mm/ksm/run");
  Check pages{"ksm", "hardening", Level::hardening, "same pages are not merged (KSM)"};
  pages.found = merging != "1";
  pages.detail = merging ? "" : "this kernel has no KSM";
  pages.lost = "the time of a write can tell what others hold in memory";
  pages.mend = set_file("/sys/kernel/mm/ksm/run", "2");
  checks.push_back(pages);

  Check threads{"smt", "hardening", Level::hardening, "no two threads share a core (SMT)"};
  threads.found = line_of("/sys/devices/system/cpu/smt/active") != "1";
  threads.lost = "cells on one core can measure each other, and be measured";
  threads.mend = set_file("/sys/devices/system/cpu/smt/control", "off");
  checks.push_back(threads);

  const std::filesystem::path folder = "/sys/devices/system/cpu/vulnerabilities";
  std::vector<std::string> open;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (line_of(entry.path()).value_or("").starts_with("Vulnerable"))
      open.push_back(entry.path().filename());
  }
  std::ranges::sort(open);
  Check flaws{"processor", "hardening", Level::hardening, "the processor's flaws are mitigated"};
  flaws.found = !failed && open.empty();
  flaws.detail = failed ? "the kernel does not say" : joined(open, ", ");
  flaws.lost = "a program may read memory that is not its own";
  flaws.mend = no_command(
      "boot without mitigations=off, with new microcode (packages intel-microcode, "
      "amd64-microcode; for a virtual machine, on its host)");
  checks.push_back(flaws);
}

std::string speculation_text(int kind) {
  switch (kernel::look_at_speculation(kind)) {
    case kernel::Speculation::none:
      return "not there, or off for all";
    case kernel::Speculation::everywhere:
      return "no switch";
    case kernel::Speculation::choice:
      return "off in cells";
    case kernel::Speculation::off:
      return "off in all that this user starts from here";
  }
  return "";
}

void check_sharing(Checks& checks) {
  Check speculation{"speculation",
                    "hardening",
                    Level::hardening,
                    "cells do not speculate past stores and indirect branches"};
  speculation.found = std::ranges::none_of(kernel::kSpeculations, [](int kind) {
    return kernel::look_at_speculation(kind) == kernel::Speculation::everywhere;
  });
  speculation.detail = "stores: " + speculation_text(kernel::kStoreBypass) +
                       "; indirect branches: " + speculation_text(kernel::kIndirectBranch);
  speculation.lost = "a cell's programs speculate as all others of this host do";
  speculation.mend = no_command(
      "boot without mitigations=off, with new microcode (for a virtual machine, on its host)");
  checks.push_back(speculation);

  Check cores{
      "core-scheduling", "hardening", Level::hardening, "no two cells on one core at one time"};
  const bool has_threads = line_of("/sys/devices/system/cpu/smt/active") == "1";
  const bool is_kept = kernel::has_core_scheduling();
  cores.found = is_kept || !has_threads;
  cores.detail = is_kept       ? "the kernel keeps them apart"
                 : has_threads ? "this kernel has no core scheduling"
                               : "a core runs one thread";
  cores.lost = "cells on one core can measure each other, and be measured";
  cores.mend = has_threads ? set_file("/sys/devices/system/cpu/smt/control", "off") : "";
  checks.push_back(cores);
}

void check_landlock(Checks& checks) {
  const auto version = kernel::landlock_version();
  Check check{"landlock",
              "hardening",
              Level::hardening,
              "Landlock, a second wall around files, sockets and signals"};
  check.found = version.has_value();
  check.detail = version ? "version " + std::to_string(*version) : version.error().what;
  check.lost = "files, sockets and signals are walled in by mounts and namespaces alone";
  if (!version) {
    check.mend = version.error().os_errno == EOPNOTSUPP
                     ? no_command("boot with landlock in the kernel option lsm=")
                     : mend_kernel(version.error(), "5.13");
  }
  checks.push_back(check);
}

}  // namespace

void check_hardening(Checks& checks, const Trial& trial) {
  check_ids(checks, trial.abilities());
  check_switches(checks);
  check_io_uring(checks);
  check_core_pattern(checks);
  check_memory_and_processor(checks);
  check_sharing(checks);
  check_landlock(checks);
}

}  // namespace retort::cli
