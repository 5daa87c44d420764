// CellTest: the keeper's start and end, jobs on its loop, and the search for leftovers.
#include "support/cell_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/files.h"

namespace retort::test {

using base::Result;
using base::operator""_MiB;

namespace {

// Ids of cells when root runs them, as docs/reference promises: a block for each keeper.
constexpr unsigned kFirstId = 0x7000'0000;
constexpr unsigned kIdsOfOneKeeper = 0x1'0000;

constexpr const char* kStateFolder = "/run/retort";
constexpr std::uint64_t kMostGrowth = (8U << 20U) + kFreedMemory;
constexpr base::Duration kWatchEvery{5'000};
constexpr base::Duration kPatience{10'000'000};
constexpr std::uint64_t kLine = 16;  // of the probe's counted bytes

std::string bin_folder() {
  std::string self(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return self.substr(0, self.rfind('/'));
}

Words entries_of(const std::string& folder) {
  Words names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// The folder of ours in each place where one can be: the hierarchies of version 1, and version 2
// itself.
Words group_folders() {
  Words found;
  Words hierarchies = {"/sys/fs/cgroup"};
  for (const std::string& hierarchy : entries_of("/sys/fs/cgroup")) {
    hierarchies.push_back("/sys/fs/cgroup/" + hierarchy);
  }
  for (std::string folder : hierarchies) {
    folder += "/retort";
    if (is_folder(folder)) found.push_back(folder);
  }
  return found;
}

// In each of them, what an instance has: "INSTANCE-TOKEN".
Words group_folders_of(unsigned instance) {
  Words found;
  for (const std::string& folder : group_folders()) {
    for (const std::string& name : entries_of(folder)) {
      if (name.starts_with(std::to_string(instance) + "-")) found.push_back(folder + "/" + name);
    }
  }
  return found;
}

std::string field_of(const std::string& text, const std::string& key) {
  const std::size_t at = text.find("\n" + key + ":\t");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + key.size() + 3;
  return text.substr(begin, text.find_first_of("\t \n", begin) - begin);
}

std::string describe(const HostProcess& process) {
  const auto groups =
      kernel::read_small_file(AT_FDCWD, "/proc/" + std::to_string(process.pid) + "/cgroup");
  return "process " + std::to_string(process.pid) + " (" + process.command + ") of uid " +
         std::to_string(process.uid) + ", child of " + std::to_string(process.parent) + ", " +
         process.state + ", in the groups\n" + groups.value_or(std::string("of the dead"));
}

// Those that live: the dead of a keeper that somebody else killed wait for the host's first process
// to reap them, which may take a second. The dead of a keeper that lives are its children; see
// expect_nothing_left_by_cells.
std::vector<HostProcess> processes_of(unsigned instance) {
  const unsigned first = kFirstId + instance * kIdsOfOneKeeper;
  auto processes = host_processes();
  std::erase_if(processes, [&](const HostProcess& process) {
    return process.uid < first || process.uid >= first + kIdsOfOneKeeper || process.state == "Z";
  });
  return processes;
}

// Other keepers may run on this machine. Under the lock that all of them take to begin and to end,
// what belongs to no living keeper is left over.
void expect_nothing_left_by_keeper(unsigned instance) {
  const auto turn = kernel::open_at(AT_FDCWD, std::string(kStateFolder) + "/lock", O_RDWR);
  ASSERT_TRUE(turn && ::flock(turn->get(), LOCK_EX) == 0) << kStateFolder << "/lock";
  const std::string number = std::to_string(instance);
  const std::string folder = std::string(kStateFolder) + "/" + number;
  const auto lock = kernel::open_at(AT_FDCWD, folder + "/lock", O_RDWR);
  // The number may already be another keeper's.
  if (lock && ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) return;
  EXPECT_FALSE(is_folder(folder)) << "left: " << folder;
  EXPECT_EQ(group_folders_of(instance), Words{}) << "left: control groups";
  for (const HostProcess& process : processes_of(instance)) {
    ADD_FAILURE() << "left: " << describe(process);
  }
  if (entries_of(kStateFolder) == Words{"lock"}) {
    EXPECT_EQ(group_folders(), Words{}) << "left: the folder of control groups";
  }
  const auto mounts = kernel::read_small_file(AT_FDCWD, "/proc/self/mountinfo");
  ASSERT_TRUE(mounts);
  EXPECT_EQ(mounts->find(folder + "/"), std::string::npos) << "left: a mount below " << folder;
}

}  // namespace

cell::Limits roomy_limits() {
  cell::Limits limits;
  limits.cpu_time = std::chrono::seconds(20);
  limits.wall_time = std::chrono::seconds(40);
  limits.memory = 256_MiB;
  return limits;
}

std::vector<HostProcess> host_processes() {
  std::vector<HostProcess> processes;
  for (const std::string& name : entries_of("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto status = kernel::read_small_file(AT_FDCWD, "/proc/" + name + "/status");
    if (!status) continue;  // it has just ended
    const std::string text = "\n" + *status;
    const auto number = [&](const char* key) {
      return std::strtoul(field_of(text, key).c_str(), nullptr, 10);
    };
    processes.push_back({.pid = static_cast<pid_t>(number("Pid")),
                         .parent = static_cast<pid_t>(number("PPid")),
                         .uid = static_cast<unsigned>(number("Uid")),
                         .state = field_of(text, "State"),
                         .command = field_of(text, "Name")});
  }
  return processes;
}

std::uint64_t resident_bytes(pid_t pid) {
  const auto status = kernel::read_small_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status");
  if (!status) return 0;
  const std::size_t at = status->find("VmRSS:");
  if (at == std::string::npos) return 0;
  return std::strtoull(status->c_str() + at + 6, nullptr, 10) * 1024;
}

std::size_t count_descriptors(pid_t pid) {
  return entries_of("/proc/" + std::to_string(pid) + "/fd").size();
}

std::string counted_bytes(std::uint64_t begin, std::uint64_t end) {
  std::string text;
  for (std::uint64_t line = begin / kLine; line * kLine < end; ++line) {
    std::array<char, kLine + 1> buffer{};
    (void)std::snprintf(
        buffer.data(), buffer.size(), "%015llu\n", static_cast<unsigned long long>(line));
    text.append(buffer.data(), kLine);
  }
  return text.substr(begin % kLine, end - begin);
}

bool comes_true(const std::function<bool()>& condition) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 5'000'000};
  const base::Duration end = base::monotonic_now() + kPatience;
  while (!condition()) {
    if (base::monotonic_now() > end) return false;
    ::nanosleep(&kPause, nullptr);
  }
  return true;
}

Words lines_of(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string outcome_of(const job::StageResult& result) {
  return std::string(cell::outcome_name(result.verdict.outcome));
}

Words limits_hit_of(const job::StageResult& result) {
  Words names;
  for (const cell::Limit limit : result.verdict.limits_hit)
    names.emplace_back(cell::info_of(limit).name);
  return names;
}

void CellTest::SetUp() {
  const char* required = std::getenv("RETORT_REQUIRE");
  const bool must_run = required != nullptr && std::string(required) == "all";
  if (::geteuid() != 0) {
    if (must_run) FAIL() << "RETORT_REQUIRE=all, and this user is not root";
    GTEST_SKIP() << "cells with ids of their own and control groups need root";
  }
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);

  auto probe = kernel::read_small_file(AT_FDCWD, bin_folder() + "/retort-probe", 64U << 20U);
  ASSERT_TRUE(probe) << probe.error().what;
  probe_ = *std::move(probe);
  manifest_.id = "probe";
  manifest_.run.command = {"./probe", "{args}"};

  auto made_loop = kernel::EventLoop::create();
  ASSERT_TRUE(made_loop) << made_loop.error().what;
  loop_ = *std::move(made_loop);
  auto started = keeper::Client::start(*loop_);
  ASSERT_TRUE(started) << started.error().what;
  keeper_ = *std::move(started);
  if (keeper_->abilities().unenforceable != 0) {
    const std::string reason = keeper_->abilities().reason;
    if (must_run) FAIL() << "RETORT_REQUIRE=all, and limits cannot be enforced: " << reason;
    GTEST_SKIP() << reason;
  }
  // One run first: what a keeper sets up once is none of the growth that we look for.
  (void)run_probe({"exit", "0"});
  descriptors_before_ = count_descriptors(keeper_->pid());
  resident_before_ = resident_bytes(keeper_->pid());
}

void CellTest::TearDown() {
  if (!keeper_) return;
  const unsigned instance = keeper_->abilities().instance;
  if (descriptors_before_ != 0) expect_nothing_left_by_cells();
  keeper_.reset();
  expect_nothing_left_by_keeper(instance);
}

void CellTest::expect_nothing_left_by_cells() {
  for (const HostProcess& process : host_processes()) {
    EXPECT_NE(process.parent, keeper_->pid()) << "left: " << describe(process);
  }
  for (const HostProcess& process : cell_processes()) {
    ADD_FAILURE() << "left: " << describe(process);
  }
  // The keeper may have to ask the kernel more than once for a group; nobody waits for that.
  (void)comes_true([this] { return cell_groups().empty(); });
  EXPECT_EQ(cell_groups(), Words{}) << "left: control groups";
  EXPECT_EQ(count_descriptors(keeper_->pid()), descriptors_before_)
      << "the keeper's open descriptors";
  EXPECT_LT(resident_bytes(keeper_->pid()), resident_before_ + kMostGrowth)
      << "the keeper's memory";
}

Words CellTest::cell_groups() {
  Words groups;
  for (const std::string& folder : group_folders_of(keeper_->abilities().instance)) {
    for (const std::string& name : entries_of(folder)) {
      if (is_folder(folder + "/" + name)) groups.push_back(folder + "/" + name);
    }
  }
  return groups;
}

std::vector<HostProcess> CellTest::cell_processes() {
  return processes_of(keeper_->abilities().instance);
}

job::Submission CellTest::submission_for(const ProbeCall& call) const {
  job::Submission submission;
  submission.program.runtime = &manifest_;
  submission.program.files = {{.name = "probe", .content = probe_, .executable = true}};
  submission.program.files.insert(
      submission.program.files.end(), call.files.begin(), call.files.end());
  submission.program.args = call.args;
  submission.program.run_limits = call.limits;
  if (call.collect) submission.collect = {"."};
  submission.streams = call.streams;
  return submission;
}

job::StageResult CellTest::run_probe(Words args, const cell::Limits& limits) {
  return run_probe(ProbeCall{.args = std::move(args), .limits = limits});
}

job::StageResult CellTest::run_probe(ProbeCall call) {
  return std::move(run_many({std::move(call)}).front());
}

std::vector<job::StageResult> CellTest::run_many(const std::vector<ProbeCall>& calls,
                                                 const Watcher& watcher) {
  std::vector<job::StageResult> results(calls.size());
  std::vector<std::unique_ptr<job::Job>> jobs;
  std::size_t waiting = calls.size();
  kernel::Timer timer;
  if (watcher) {
    auto made = kernel::Timer::create();
    EXPECT_TRUE(made);
    timer = *std::move(made);
    EXPECT_TRUE(timer.arm(kWatchEvery));
    EXPECT_TRUE(loop_->watch(timer.descriptor(), EPOLLIN, [&](auto) {
      timer.acknowledge();
      if (!watcher()) return void(timer.arm(kWatchEvery));
      for (const auto& job : jobs) job->cancel();
    }));
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    jobs.push_back(std::make_unique<job::Job>(job::Means{.loop = *loop_, .keeper = *keeper_},
                                              submission_for(calls.at(i)),
                                              [&, i](Result<job::JobResult> ended) {
                                                if (!ended) {
                                                  ADD_FAILURE() << "no job: " << ended.error().what;
                                                } else {
                                                  results.at(i) = std::move(ended->stages.back());
                                                  results.at(i).collected = std::move(ended->files);
                                                }
                                                if (--waiting == 0) loop_->stop();
                                              }));
    jobs.back()->start();
  }
  if (waiting > 0) EXPECT_TRUE(loop_->run());
  if (watcher) loop_->forget(timer.descriptor());
  return results;
}

}  // namespace retort::test
