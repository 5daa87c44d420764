// Cgroup version 2: one leaf per cell; the kernel itself ends the whole leaf when memory runs out.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/weaken.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_files.h"
#include "kernel/files.h"
#include "kernel/processors.h"

namespace retort::kernel {
namespace {

constexpr unsigned kDefaultWeight = 100;
constexpr unsigned kMostWeight = 10'000;

class GroupV2 final : public Group {
 public:
  explicit GroupV2(std::string path) : path_(std::move(path)) {}
  ~GroupV2() override { (void)GroupV2::remove(); }

  Status create(const GroupLimits& limits) {
    RETORT_CHECK(make_directory(AT_FDCWD, path_, 0755));
    RETORT_TRY(directory_, open_at(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY));
    const auto set = [&](const char* file, const std::string& value) {
      return write_kernel_file(directory_.get(), file, value);
    };
    RETORT_CHECK(set("memory.max", std::to_string(limits.memory.bytes())));
    RETORT_CHECK(set("memory.oom.group", "1"));
    // Absent where the kernel has no swap: then there is nothing to forbid.
    for (const char* file : {"memory.swap.max", "memory.zswap.max"}) {
      if (base::weakened("limit:swap")) continue;
      if (auto off = set(file, "0"); !off && off.error().os_errno != ENOENT) return off;
    }
    RETORT_CHECK(set("pids.max", std::to_string(limits.processes)));
    RETORT_CHECK(set("cgroup.max.descendants", "0"));
    RETORT_TRY(cpu_stat_, open_at(directory_.get(), "cpu.stat", O_RDONLY));
    return {};
  }

  [[nodiscard]] int birth_directory() const override { return directory_.get(); }
  Status enter() override { return {}; }

  // memory.peak and pids.peak can be reset only per open file, and only by newer kernels; the
  // little that set-up used stays in the peak.
  void restart_peaks() override {}

  [[nodiscard]] Result<GroupUsage> usage() const override {
    GroupUsage usage;
    RETORT_TRY(const auto total, read_keyed(directory_, "cpu.stat", "usage_usec"));
    RETORT_TRY(const auto user, read_keyed(directory_, "cpu.stat", "user_usec"));
    usage.cpu_ns = total * 1000;
    usage.cpu_user_ns = user * 1000;
    if (auto peak = read_number(directory_, "memory.peak"))
      usage.memory_peak = ByteSize::of_bytes(*peak);
    if (auto peak = read_number(directory_, "pids.peak")) {
      usage.processes_peak = static_cast<std::uint32_t>(*peak);
    }
    // oom_kill counts what the kernel killed for the whole host's want of memory as well.
    RETORT_TRY(const auto times_full, read_keyed(directory_, "memory.events", "oom"));
    if (times_full > 0) {
      RETORT_TRY(usage.memory_kills, read_keyed(directory_, "memory.events", "oom_kill"));
    }
    RETORT_TRY(usage.processes_denied, read_keyed(directory_, "pids.events", "max"));
    return usage;
  }

  [[nodiscard]] Result<Duration> cpu_time() const override {
    RETORT_TRY(const auto usec, reread_keyed(cpu_stat_, "usage_usec"));
    return Duration(static_cast<Duration::rep>(usec));
  }

  [[nodiscard]] int memory_event() const override { return -1; }

  Status remove() override {
    cpu_stat_.reset();
    directory_.reset();
    if (path_.empty()) return {};
    RETORT_CHECK(remove_group(path_));
    path_.clear();
    return {};
  }

 private:
  std::string path_;
  Fd directory_;
  Fd cpu_stat_;
};

class GroupsV2 final : public Groups {
 public:
  explicit GroupsV2(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] int version() const override { return 2; }
  [[nodiscard]] std::string folder() const override { return folder_; }

  // Controllers go down one level at a time: "retort", then "retort/NAME" (cgroup-v2.rst,
  // Top-down Constraint).
  Status prepare() override {
    RETORT_CHECK(make_group_folders(folder_));
    for (const std::string& level : {folder_.substr(0, folder_.rfind('/')), folder_}) {
      RETORT_CHECK(write_kernel_file(AT_FDCWD, level + "/cgroup.subtree_control", "+memory +pids"));
      // Each cell weighs as much as a session of the host; so all of them together. Where this
      // controller was not handed down to us, they go without.
      (void)write_kernel_file(AT_FDCWD, level + "/cgroup.subtree_control", "+cpu");
      const unsigned weight = std::min(kMostWeight, kDefaultWeight * count_processors());
      (void)write_kernel_file(AT_FDCWD, level + "/cpu.weight", std::to_string(weight));
    }
    return {};
  }

  Result<std::unique_ptr<Group>> make(const std::string& name, const GroupLimits& limits) override {
    auto group = std::make_unique<GroupV2>(folder_ + "/" + name);
    RETORT_CHECK(group->create(limits));
    return std::unique_ptr<Group>(std::move(group));
  }

  Status sweep() override { return sweep_group_folders(folder_); }

 private:
  std::string folder_;
};

}  // namespace

Result<std::unique_ptr<Groups>> open_groups_v2(const std::string& folder) {
  return std::unique_ptr<Groups>(std::make_unique<GroupsV2>(folder));
}

}  // namespace retort::kernel
