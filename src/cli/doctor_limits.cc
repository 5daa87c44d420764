// Limits checks: which limits are enforced and which figures measured, and what stands in the way.
#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>
#include <sstream>

#include "cli/doctor_checks.h"
#include "cli/doctor_mend.h"
#include "job/build.h"
#include "kernel/cgroup.h"
#include "kernel/files.h"
#include "kernel/probe.h"

namespace retort::cli {

using base::os_error;
using base::Status;

namespace {

// Which version the memory controller is on, for this process.
int group_version() {
  const auto listing = kernel::read_small_file(AT_FDCWD, "/proc/self/cgroup");
  if (!listing) return 0;
  std::istringstream lines(*listing);
  int version = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names.find(",memory,") != std::string::npos) return 1;
    if (names == ",,") version = 2;
  }
  return version;
}

std::string mend_version() {
  return no_command(
      "boot with control groups version 2 (systemd.unified_cgroup_hierarchy=1 for the kernel)");
}

// The keeper's reason may end in what to run.
constexpr std::string_view kRun = "; run: ";
// What it leaves open there: a shell, from which doctor and the rest can be started.
constexpr std::string_view kOpen = "COMMAND";

std::string mend_groups(const std::string& reason, int version) {
  const std::size_t run = reason.find(kRun);
  const bool has_systemd = std::filesystem::exists("/run/systemd/system");
  if (run != std::string::npos && (is_root() ? !is_read_only("/sys/fs/cgroup") : has_systemd)) {
    std::string command = reason.substr(run + kRun.size());
    if (command.ends_with(kOpen))
      command.replace(command.size() - kOpen.size(), kOpen.size(), "$SHELL");
    return command;
  }
  if (!is_root())
    return no_command("root alone can make control groups here; run retort with sudo");
  if (!reason.ends_with("is mounted")) {
    return no_command(
        "control groups must be writable where this session is started (Docker: --cgroupns host "
        "-v /sys/fs/cgroup:/sys/fs/cgroup)");
  }
  return version == 2 ? "mount -t cgroup2 cgroup2 /sys/fs/cgroup" : mend_version();
}

void check_groups(Checks& checks, const Trial& trial, int version) {
  Check groups{"cgroups", "limits", Level::limits, "control groups"};
  groups.found = version != 0;
  groups.detail = groups.found ? "version " + std::to_string(version) : "this kernel has none";
  groups.lost = "limits cpu_time, memory, processes";
  groups.mend = no_command("this kernel was built or booted without them");
  checks.push_back(groups);

  Check mine{"cgroups-for-user", "limits", Level::limits, "control groups that this user may make"};
  mine.lost = "limits cpu_time, memory, processes: jobs are refused without --allow-unenforced";
  if (!trial.bench) {
    mine.found = false;
    mine.detail = "not tried: no keeper starts";
    mine.mend = first_mend("keeper");
  } else if (!trial.has_groups()) {
    mine.found = false;
    const std::string& reason = trial.abilities()->reason;
    mine.detail = reason.substr(0, reason.find(kRun));
    mine.mend = mend_groups(reason, version);
  }
  checks.push_back(mine);
}

struct GroupLimit {
  const char* id;
  cell::Limit limit;
  const char* what;
  const char* lost;
};
constexpr std::array kGroupLimits = {
    GroupLimit{"memory",
               cell::Limit::memory,
               "limit memory is enforced",
               "limit memory; memory_peak_bytes is that of the largest process"},
    GroupLimit{"processes",
               cell::Limit::processes,
               "limit processes is enforced",
               "limit processes; where a cell has ids of its own, RLIMIT_NPROC still bounds it"},
    GroupLimit{
        "cpu-time",
        cell::Limit::cpu_time,
        "limit cpu_time is enforced, and measured for all processes",
        "limit cpu_time for the whole tree: only RLIMIT_CPU is left, whole seconds, one process"},
};

// A figure or a limit that only a cell that ran can tell of.
Check told_by_cell(const char* id,
                   const char* what,
                   const Trial& trial,
                   bool found,
                   const char* lost,
                   const std::string& mend) {
  Check check{id, "limits", Level::limits, what};
  check.lost = lost;
  if (!trial.stage) {
    check.found = false;
    check.detail = "not tried: no cell runs";
    check.mend = first_mend("cell");
  } else if (!trial.has_groups()) {
    check.found = false;
    check.detail = "no control groups for this user";
    check.mend = first_mend("cgroups-for-user");
  } else {
    check.found = found;
    check.mend = mend;
  }
  return check;
}

void check_group_limits(Checks& checks, const Trial& trial) {
  const cell::Facts facts = trial.stage ? trial.stage->facts : cell::Facts();
  for (const GroupLimit& entry : kGroupLimits) {
    const bool enforced = (facts.unenforced & 1U << static_cast<unsigned>(entry.limit)) == 0;
    const bool measured = entry.limit != cell::Limit::cpu_time || facts.cpu_us > 0;
    checks.push_back(
        told_by_cell(entry.id,
                     entry.what,
                     trial,
                     enforced && measured,
                     entry.lost,
                     no_command("the keeper could have, but did not; please report it")));
  }
  checks.push_back(
      told_by_cell("memory-peak",
                   "figure memory_peak_bytes",
                   trial,
                   facts.has_memory_peak,
                   trial.has_groups() ? "figure memory_peak_bytes is absent"
                                      : "figure memory_peak_bytes is that of the largest process",
                   no_command("this kernel lacks memory.peak; it came with Linux 5.19")));
  checks.push_back(told_by_cell("processes-peak",
                                "figure processes_peak",
                                trial,
                                facts.has_processes_peak,
                                "figure processes_peak is absent",
                                no_command("this kernel lacks pids.peak; it came with Linux 6.1")));
  Check oom = told_by_cell(
      "group-oom",
      "out of memory, the kernel ends the whole cell",
      trial,
      trial.has_groups() && trial.abilities()->group_version == 2,
      trial.has_groups() ? "limit memory: the kernel kills one process, Retort the others when it "
                           "hears of it"
                         : "limit memory",
      mend_version());
  if (!oom.found && trial.has_groups() && trial.stage)
    oom.detail = "version 1 only reports the event";
  checks.push_back(oom);
}

void check_shares(Checks& checks, int version) {
  Check shares{"shares", "limits", Level::limits, "control groups can share the processors out"};
  shares.found = version != 0 && kernel::can_share_processors();
  shares.lost = "a cell with many processes can slow others down by more than its share";
  shares.mend =
      no_command("the controller cpu is missing in this kernel, or was not delegated to this user");
  checks.push_back(shares);
}

void check_birth(Checks& checks, int version) {
  Check birth{"cgroup-birth",
              "limits",
              version == 2 ? Level::essential : Level::limits,
              "clone3 into a control group"};
  if (const Status known = kernel::probe_birth_in_group(); !known) {
    birth.found = false;
    birth.detail = known.error().what;
    birth.mend = mend_kernel(known.error(), "5.7");
    birth.lost =
        version == 2 ? "no cell with control groups can be made" : "nothing: it is for version 2";
  } else if (version != 2) {
    birth.detail = "unused, since version 1 has none";
  }
  checks.push_back(birth);
}

void check_open_files(Checks& checks) {
  constexpr rlim_t kLeast = 4096;
  constexpr rlim_t kEachCell = 12;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  Check check{"open-files", "limits", Level::limits, "hard limit of open files"};
  check.found = limit.rlim_max >= kLeast;
  check.detail = limit.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_max);
  check.lost =
      "more than about " + std::to_string(limit.rlim_max / kEachCell) + " cells at one time";
  const Status may_raise = kernel::try_in_child([&]() -> Status {
    const rlimit more{.rlim_cur = kLeast * 4, .rlim_max = kLeast * 4};
    if (::setrlimit(RLIMIT_NOFILE, &more) != 0) return os_error("setrlimit", "RLIMIT_NOFILE");
    return {};
  });
  check.mend = "sudo prlimit --pid $$ --nofile=65536";
  if (is_root()) {
    check.mend = may_raise ? "ulimit -n 65536"
                           : no_command(
                                 "raise it where this session is started (Docker: "
                                 "--ulimit nofile=65536)");
  }
  checks.push_back(check);
}

struct Inherited {
  __rlimit_resource resource;
  const char* option;  // of prlimit(1)
  rlim_t least;        // what a compiler's cell wants by default
};

// A cell gets no more than the hard limits that its keeper was started with, whatever is asked for.
void check_inherited(Checks& checks) {
  const cell::Limits wanted = cell::compile_defaults();
  const std::array resources = {
      Inherited{RLIMIT_AS, "as", RLIM_INFINITY},
      Inherited{RLIMIT_CPU, "cpu", RLIM_INFINITY},
      Inherited{RLIMIT_DATA, "data", RLIM_INFINITY},
      Inherited{RLIMIT_FSIZE, "fsize", wanted.file_size.bytes()},
      Inherited{RLIMIT_NPROC, "nproc", wanted.processes},
      Inherited{RLIMIT_STACK, "stack", wanted.effective_stack().bytes()},
  };
  Check check{"resource-limits", "limits", Level::limits, "hard limits that cells inherit"};
  std::string command = "prlimit --pid $$";
  for (const Inherited& entry : resources) {
    rlimit limit{};
    if (::getrlimit(entry.resource, &limit) != 0 || limit.rlim_max >= entry.least) continue;
    check.found = false;
    check.detail.append(check.detail.empty() ? "" : ", ")
        .append(entry.option)
        .append(" ")
        .append(std::to_string(limit.rlim_max));
    command.append(" --").append(entry.option).append("=unlimited");
  }
  check.lost = "what a cell's own limits allow beyond that: its programs fail as if it were theirs";
  check.mend = as_root(command);
  checks.push_back(check);
}

void check_terminals(Checks& checks) {
  Check check{"terminals", "limits", Level::limits, "a terminal in a devpts of a cell's own"};
  const Status made = kernel::probe_terminals();
  check.found = made.has_value();
  if (!made) {
    check.detail = made.error().what;
    check.mend = mend_kernel(made.error(), "4.13");
  }
  check.lost = "jobs that ask for a terminal do not run";
  checks.push_back(check);
}

void check_archives(Checks& checks) {
  Check check{"archives", "limits", Level::limits, "what unpacks archives"};
  check.found = job::can_unpack();
  check.detail = job::kUnpacker;
  check.lost = "`retort serve` refuses jobs that come as an archive";
  check.mend = install("libarchive-tools");
  checks.push_back(check);
}

}  // namespace

void check_limits(Checks& checks, const Trial& trial) {
  const int version = group_version();
  check_groups(checks, trial, version);
  check_group_limits(checks, trial);
  check_shares(checks, version);
  check_birth(checks, version);
  check_open_files(checks);
  check_inherited(checks);
  check_terminals(checks);
  check_archives(checks);
}

}  // namespace retort::cli
