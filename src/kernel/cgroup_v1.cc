// Cgroup version 1: a private child in each of memory, pids, cpuacct and cpu, of which the last two
// may be one.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/weaken.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_files.h"
#include "kernel/files.h"
#include "kernel/processors.h"

namespace retort::kernel {

using base::os_error;

namespace {

constexpr const char* kSockets = "memory.kmem.tcp.limit_in_bytes";  // TCP's and UDP's
// Beside the limit of memory, since the kernel counts it apart; enough for full windows of some
// connections.
constexpr std::uint64_t kMostInSockets = std::uint64_t{16} << 20U;
constexpr unsigned kDefaultShares = 1024;

bool has_own_cpu(const V1Places& places) {
  return !places.cpu.empty() && places.cpu != places.cpuacct;
}

class GroupV1 final : public Group {
 public:
  GroupV1(const V1Places& parents, const std::string& name)
      : memory_path_(parents.memory + "/" + name),
        pids_path_(parents.pids + "/" + name),
        cpuacct_path_(parents.cpuacct + "/" + name),
        cpu_path_(has_own_cpu(parents) ? parents.cpu + "/" + name : "") {}
  ~GroupV1() override { (void)GroupV1::remove(); }

  Status create(const GroupLimits& limits) {
    RETORT_TRY(memory_, make_group(memory_path_));
    RETORT_TRY(pids_, make_group(pids_path_));
    RETORT_TRY(cpuacct_, make_group(cpuacct_path_));
    if (!cpu_path_.empty()) {
      RETORT_TRY(cpu_, make_group(cpu_path_));
    }
    const std::string memory = std::to_string(limits.memory.bytes());
    RETORT_CHECK(write_kernel_file(memory_.get(), "memory.limit_in_bytes", memory));
    // Memory and swap together: the same bound, so that nothing is ever swapped. Absent without
    // swap accounting, where swappiness 0 is the bound that is left.
    if (!base::weakened("limit:swap")) {
      auto with_swap = write_kernel_file(memory_.get(), "memory.memsw.limit_in_bytes", memory);
      if (!with_swap && with_swap.error().os_errno != ENOENT) return with_swap;
      RETORT_CHECK(write_kernel_file(memory_.get(), "memory.swappiness", "0"));
    }
    // What waits in internet sockets has a counter of its own, and without a bound belongs to
    // nobody.
    if (!base::weakened("limit:sockets")) {
      const auto sockets = std::min(limits.memory.bytes(), kMostInSockets);
      RETORT_CHECK(write_kernel_file(memory_.get(), kSockets, std::to_string(sockets)));
    }
    RETORT_CHECK(write_kernel_file(pids_.get(), "pids.max", std::to_string(limits.processes)));
    RETORT_TRY(cpu_usage_, open_at(cpuacct_.get(), "cpuacct.usage", O_RDONLY));
    std::size_t next = 0;
    for (const Fd* group : {&memory_, &pids_, &cpuacct_, &cpu_}) {
      if (!group->is_open()) continue;
      RETORT_TRY(tasks_.at(next), open_at(group->get(), "tasks", O_WRONLY));
      ++next;
    }
    return register_memory_event();
  }

  [[nodiscard]] int birth_directory() const override { return -1; }

  // "0" in `tasks` of a process with one thread skips the global lock that cgroup.procs takes
  // (milliseconds).
  Status enter() override {
    for (const Fd& tasks : tasks_) {
      if (!tasks.is_open()) continue;
      if (::write(tasks.get(), "0", 1) != 1) return os_error("write", "tasks");
    }
    return {};
  }

  void restart_peaks() override {
    (void)write_kernel_file(memory_.get(), "memory.max_usage_in_bytes", "0");
  }

  [[nodiscard]] Result<GroupUsage> usage() const override {
    GroupUsage usage;
    RETORT_TRY(usage.cpu_ns, read_number(cpuacct_, "cpuacct.usage"));
    RETORT_TRY(usage.cpu_user_ns, read_number(cpuacct_, "cpuacct.usage_user"));
    RETORT_TRY(const auto peak, read_number(memory_, "memory.max_usage_in_bytes"));
    usage.memory_peak = ByteSize::of_bytes(peak);
    RETORT_TRY(usage.memory_kills, read_keyed(memory_, "memory.oom_control", "oom_kill"));
    RETORT_TRY(usage.processes_denied, read_keyed(pids_, "pids.events", "max"));
    if (auto processes = read_number(pids_, "pids.peak")) {
      usage.processes_peak = static_cast<std::uint32_t>(*processes);
    }
    return usage;
  }

  [[nodiscard]] Result<Duration> cpu_time() const override {
    RETORT_TRY(const auto ns, reread_number(cpu_usage_));
    return Duration(static_cast<Duration::rep>(ns / 1000));
  }

  [[nodiscard]] int memory_event() const override { return event_.get(); }

  Status remove() override {
    for (Fd& tasks : tasks_) tasks.reset();
    for (Fd* file : {&event_, &cpu_usage_, &memory_, &pids_, &cpuacct_, &cpu_}) file->reset();
    Status removed;
    for (std::string* path : {&memory_path_, &pids_path_, &cpuacct_path_, &cpu_path_}) {
      if (path->empty()) continue;
      if (auto gone = remove_group(*path); gone) {
        path->clear();
      } else {
        removed = std::move(gone);  // the others need not wait for this one
      }
    }
    return removed;
  }

 private:
  static Result<Fd> make_group(const std::string& path) {
    RETORT_CHECK(make_directory(AT_FDCWD, path, 0755));
    return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  }

  // The kernel writes to the eventfd when the limit is reached and reclaim found nothing
  // (memory.rst, section 10).
  Status register_memory_event() {
    event_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event_.is_open()) return os_error("eventfd", "");
    RETORT_TRY(const Fd control, open_at(memory_.get(), "memory.oom_control", O_RDONLY));
    return write_kernel_file(memory_.get(),
                             "cgroup.event_control",
                             std::to_string(event_.get()) + " " + std::to_string(control.get()));
  }

  std::string memory_path_;
  std::string pids_path_;
  std::string cpuacct_path_;
  std::string cpu_path_;  // empty: there is none of its own
  Fd memory_;
  Fd pids_;
  Fd cpuacct_;
  Fd cpu_;
  Fd cpu_usage_;
  Fd event_;
  std::array<Fd, 4> tasks_;
};

class GroupsV1 final : public Groups {
 public:
  explicit GroupsV1(V1Places places) : places_(std::move(places)) {}

  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::string folder() const override { return places_.memory; }

  Status prepare() override {
    for (const std::string& folder : folders()) RETORT_CHECK(make_group_folders(folder));
    // The first bound in the system switches the counting on, which patches the kernel's code: not
    // for each cell.
    RETORT_CHECK(write_kernel_file(AT_FDCWD, places_.memory + "/" + kSockets, "-1"));
    if (places_.cpu.empty()) return {};
    // Each cell weighs as much as a session of the host; so all of them together.
    const std::string weight = std::to_string(kDefaultShares * count_processors());
    for (const std::string& level : {places_.cpu.substr(0, places_.cpu.rfind('/')), places_.cpu})
      RETORT_CHECK(write_kernel_file(AT_FDCWD, level + "/cpu.shares", weight));
    return {};
  }

  Result<std::unique_ptr<Group>> make(const std::string& name, const GroupLimits& limits) override {
    auto group = std::make_unique<GroupV1>(places_, name);
    RETORT_CHECK(group->create(limits));
    return std::unique_ptr<Group>(std::move(group));
  }

  Status sweep() override {
    for (const std::string& folder : folders()) RETORT_CHECK(sweep_group_folders(folder));
    return {};
  }

 private:
  [[nodiscard]] std::vector<std::string> folders() const {
    std::vector<std::string> all = {places_.memory, places_.pids, places_.cpuacct};
    if (has_own_cpu(places_)) all.push_back(places_.cpu);
    return all;
  }

  V1Places places_;
};

}  // namespace

Result<std::unique_ptr<Groups>> open_groups_v1(const V1Places& places) {
  return std::unique_ptr<Groups>(std::make_unique<GroupsV1>(places));
}

}  // namespace retort::kernel
