// Isolation: what a program in a cell can see, reach and leave behind.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "base/fd.h"
#include "cell/bundle.h"
#include "cell/filter.h"
#include "kernel/files.h"
#include "kernel/processor.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

using base::Fd;
using cell::Limits;
using cell::Network;
using job::StageResult;
using std::chrono::milliseconds;

class IsolationTest : public CellTest {
 protected:
  // What the probe prints, as lines; it must end well.
  Words printed_by(const Words& args, const Limits& limits = roomy_limits()) {
    const auto result = run_probe(args, limits);
    EXPECT_EQ(outcome_of(result), "ok") << result.verdict.message << "\n"
                                        << result.stderr_text.bytes;
    return lines_of(result.stdout_text.bytes);
  }

  // The answers to system calls, in their order, of a program with `add_ons`.
  Words answers_with(std::uint32_t add_ons, const Words& calls);
  // What the probe prints that has them.
  Words printed_with(std::uint32_t add_ons, const Words& args);
};

// ---- What it is. ----

TEST_F(IsolationTest, TheProgramHasItsThreeStreamsAndNoOtherDescriptor) {
  EXPECT_EQ(printed_by({"fds"}), (Words{"0", "1", "2"}));
}

TEST_F(IsolationTest, TheProgramIsAnOrdinaryUserThatCanBecomeNothingElse) {
  EXPECT_EQ(printed_by({"ids"}),
            (Words{"uid 1000 1000 1000",
                   "gid 1000 1000 1000",
                   "groups 0",
                   "CapInh:\t0000000000000000",
                   "CapPrm:\t0000000000000000",
                   "CapEff:\t0000000000000000",
                   "CapBnd:\t0000000000000000",
                   "CapAmb:\t0000000000000000",
                   "NoNewPrivs:\t1",
                   "Seccomp:\t2"}));
}

TEST_F(IsolationTest, TwoCellsAtOneTimeHaveDifferentIdsOutside) {
  std::set<unsigned> uids;
  const auto results = run_many(
      {{.args = {"sleep", "30000"}}, {.args = {"sleep", "30000"}}, {.args = {"sleep", "30000"}}},
      [&] {
        uids.clear();
        for (const HostProcess& process : cell_processes()) {
          if (process.command == "probe") uids.insert(process.uid);
        }
        return uids.size() == 3;
      });
  EXPECT_EQ(uids.size(), 3U);
  for (const StageResult& result : results) EXPECT_EQ(outcome_of(result), "cancelled");
}

TEST_F(IsolationTest, TheHostHasAnotherName) {
  EXPECT_EQ(printed_by({"hostname"}), Words{"retort"});
  EXPECT_EQ(printed_by({"read", "/etc/hostname"}), Words{"retort"});
}

TEST_F(IsolationTest, TheUsersOfTheHostAreNotToBeSeen) {
  EXPECT_EQ(printed_by({"read", "/etc/passwd"}),
            (Words{"root:x:0:0:root:/:/usr/sbin/nologin",
                   "box:x:1000:1000:box:/box:/bin/sh",
                   "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"}));
}

TEST_F(IsolationTest, TheAgeOfTheMachineIsNotToBeSeen) {
  const Words lines = printed_by({"uptime"});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines.at(0) == "monotonic 0" || lines.at(0) == "monotonic 1") << lines.at(0);
  EXPECT_TRUE(lines.at(1) == "boottime 0" || lines.at(1) == "boottime 1") << lines.at(1);
  EXPECT_EQ(lines.at(2), "ENOENT");  // /proc/uptime
}

// ---- What runs beside it. ----

// One line of /proc/PID/status, without its key.
std::string status_of(pid_t pid, const std::string& key) {
  const auto status = kernel::read_small_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status");
  for (const std::string& line : lines_of(status.value_or(std::string()))) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return {};
}

TEST_F(IsolationTest, TheKeeperKeepsNoMoreThanSecuritySays) {
  // CHOWN, DAC_OVERRIDE, KILL, MKNOD, SETGID, SETUID, SETPCAP, SYS_ADMIN: SECURITY.md, "Privilege".
  constexpr auto* kMask = "00000000082001e3";
  for (const char* set : {"CapPrm", "CapEff", "CapBnd"})
    EXPECT_EQ(status_of(keeper().pid(), set), kMask) << set;
  EXPECT_EQ(status_of(keeper().pid(), "CapInh"), "0000000000000000");
  EXPECT_EQ(status_of(keeper().pid(), "Seccomp"), "2");
}

TEST_F(IsolationTest, InitHasNoCapabilityAndAFilterOfItsOwn) {
  std::map<std::string, std::string> seen;
  run_many({{.args = {"sleep", "30000"}}}, [&] {
    for (const HostProcess& process : cell_processes()) {
      if (process.command != "retort-init" || process.parent != keeper().pid()) continue;
      // It has not yet executed a thing while the program is not there.
      if (cell_processes().size() < 2) continue;
      for (const char* key : {"CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp_filters"})
        seen[key] = status_of(process.pid, key);
    }
    return seen["Seccomp_filters"] == "2";
  });
  EXPECT_EQ(seen,
            (std::map<std::string, std::string>{{"CapEff", "0000000000000000"},
                                                {"CapPrm", "0000000000000000"},
                                                {"CapBnd", "0000000000000000"},
                                                {"NoNewPrivs", "1"},
                                                {"Seccomp_filters", "2"}}));
}

TEST_F(IsolationTest, TheCollectorHasNoCapabilityNoOtherStreamAndAFilterOfItsOwn) {
  std::map<std::string, std::string> seen;
  std::set<std::string> descriptors;
  const std::string size = std::to_string(100U << 20U);
  run_many({{.args = {"write-file", "large", size}, .collect = true}}, [&] {
    for (const HostProcess& process : host_processes()) {
      if (process.parent != keeper().pid()) continue;
      const std::string folder = "/proc/" + std::to_string(process.pid);
      const auto words = kernel::read_small_file(AT_FDCWD, folder + "/cmdline");
      if (!words || words->find("collect") == std::string::npos) continue;
      // Not before its last step, which is the filter.
      if (status_of(process.pid, "Seccomp_filters") != "2") continue;
      for (const char* key : {"CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp_filters"})
        seen[key] = status_of(process.pid, key);
      std::error_code gone;
      for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", gone))
        descriptors.insert(std::filesystem::read_symlink(entry.path(), gone));
    }
    return false;
  });
  if (seen.empty() || descriptors.empty())
    GTEST_SKIP() << "it was gone before it could be looked at";
  EXPECT_EQ(seen,
            (std::map<std::string, std::string>{{"CapPrm", "0000000000000000"},
                                                {"CapEff", "0000000000000000"},
                                                {"CapBnd", "0000000000000000"},
                                                {"NoNewPrivs", "1"},
                                                {"Seccomp_filters", "2"}}));
  for (const char* stream : {"0", "2"}) {
    const auto ours =
        std::filesystem::read_symlink("/proc/" + std::to_string(keeper().pid()) + "/fd/" + stream);
    EXPECT_FALSE(descriptors.contains(ours)) << "it has the keeper's stream " << stream;
  }
}

// ---- What it sees of files. ----

TEST_F(IsolationTest, TheRootHoldsWhatAProgramNeedsAndNothingElse) {
  Words entries = printed_by({"ls", "/"});
  // Which of these there are depends on the architecture's packages.
  std::erase_if(entries,
                [](const std::string& name) { return name == "lib32" || name == "libx32"; });
  EXPECT_EQ(
      entries,
      (Words{
          "bin", "box", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "tmp", "usr", "var"}));
}

TEST_F(IsolationTest, DevicesAreTheFiveHarmlessOnes) {
  EXPECT_EQ(
      printed_by({"ls", "/dev"}),
      (Words{
          "fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"}));
  EXPECT_EQ(printed_by({"write", "/dev/null"}), Words{"ok"});
  EXPECT_EQ(printed_by({"write", "/dev/full"}), Words{"ENOSPC"});
}

TEST_F(IsolationTest, TheImageCannotBeWrittenTo) {
  for (const char* path :
       {"/new", "/etc/passwd", "/usr/new", "/usr/bin/env", "/run/new", "/var/new", "/dev/new"}) {
    EXPECT_EQ(printed_by({"write", path}), Words{"EROFS"}) << path;
  }
}

TEST_F(IsolationTest, FourFoldersCanBeWrittenTo) {
  for (const char* path : {"/box/new", "/tmp/new", "/var/tmp/new", "/dev/shm/new"}) {
    EXPECT_EQ(printed_by({"write", path}), Words{"ok"}) << path;
  }
}

TEST_F(IsolationTest, FilesOfTheHostAreNotThere) {
  for (const char* path : {"/root",
                           "/home",
                           "/sys",
                           "/boot",
                           "/mnt",
                           "/opt",
                           "/srv",
                           "/work",
                           "/proc/sys",
                           "/proc/1"}) {
    EXPECT_EQ(printed_by({"ls", path}), Words{"ENOENT"}) << path;
  }
  for (const char* path : {"/etc/shadow",
                           "/etc/machine-id",
                           "/etc/fstab",
                           "/proc/cpuinfo",
                           "/proc/version",
                           "/proc/cmdline"}) {
    EXPECT_EQ(printed_by({"read", path}), Words{"ENOENT"}) << path;
  }
}

TEST_F(IsolationTest, ProcHoldsTheProgramItselfAlone) {
  EXPECT_EQ(printed_by({"ls", "/proc"}), (Words{"2", "self", "thread-self"}));
}

TEST_F(IsolationTest, MountsAreTheCellsOwnAndTellNothingOfTheHost) {
  const auto result = run_probe({"mounts"});
  const std::string& text = result.stdout_text.bytes;
  Words targets;
  for (const std::string& line : lines_of(text)) {
    std::istringstream fields(line);
    std::string skipped;
    std::string target;
    std::string options;
    fields >> skipped >> skipped >> skipped >> skipped >> target >> options;
    targets.push_back(target);
    const bool is_device = target == "/dev";
    const bool is_image = target == "/" || target == "/usr";
    EXPECT_TRUE(options.starts_with(is_image || is_device ? "ro," : "rw,")) << line;
    EXPECT_NE(options.find("nosuid"), std::string::npos) << line;
    EXPECT_EQ(options.find("nodev") == std::string::npos, is_device) << line;
  }
  std::ranges::sort(targets);
  EXPECT_EQ(targets, (Words{"/", "/box", "/dev", "/dev/shm", "/proc", "/tmp", "/usr", "/var/tmp"}));
  for (const char* word : {"/run",
                           "retort",
                           "ext4",
                           "/dev/vd",
                           "/dev/sd",
                           "/dev/mapper",
                           "shared:",
                           "master:",
                           "propagate_from:"}) {
    EXPECT_EQ(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

// ---- System calls. ----

TEST_F(IsolationTest, PrivilegedCallsAreNotPermitted) {
  const Words calls = {"unshare",
                       "mount",
                       "umount",
                       "chroot",
                       "setns",
                       "ptrace",
                       "process_vm_readv",
                       "keyctl",
                       "bpf",
                       "perf_event_open",
                       "userfaultfd",
                       "open_by_handle_at"};
  Words args = {"syscall"};
  args.insert(args.end(), calls.begin(), calls.end());
  EXPECT_EQ(printed_by(args), Words(calls.size(), "EPERM"));
}

TEST_F(IsolationTest, CallsThatNoProgramNeedsDoNotExist) {
  const Words calls = {"io_uring_setup",
                       "clone-newuser",
                       "clone3",
                       "mknod-device",
                       "inotify",
                       "socket-raw",
                       "socket-netlink",
                       "socket-packet",
                       "socket-alg",
                       "socket-vsock"};
  Words args = {"syscall"};
  args.insert(args.end(), calls.begin(), calls.end());
  EXPECT_EQ(printed_by(args), Words(calls.size(), "ENOSYS"));
  EXPECT_EQ(printed_by({"syscall", "setxattr"}), Words{"EOPNOTSUPP"});
}

TEST_F(IsolationTest, InternetSocketsExistWithLoopbackAndDoNotWithout) {
  const Words args = {"syscall", "socket-unix", "socket-inet", "socket-inet6"};
  Limits limits = roomy_limits();
  limits.network = Network::loopback;
  EXPECT_EQ(printed_by(args, limits), (Words{"ok", "ok", "ok"}));
  limits.network = Network::none;
  EXPECT_EQ(printed_by(args, limits), (Words{"ok", "ENOSYS", "ENOSYS"}));
}

TEST_F(IsolationTest, AForeignSystemCallInterfaceIsDeadly) {
  const auto signal_of = [this](const char* call) {
    const auto result = run_probe({"syscall", call});
    EXPECT_EQ(outcome_of(result), "signaled") << call;
    EXPECT_EQ(result.stdout_text.bytes, "");
    return result.verdict.signal;
  };
  EXPECT_EQ(signal_of("x32"), SIGSYS);
  // A kernel without the table of i386 takes the interrupt for a fault.
  const auto i386 = signal_of("i386");
  EXPECT_TRUE(i386 == SIGSYS || i386 == SIGSEGV) << i386.value_or(0);
}

Words IsolationTest::answers_with(std::uint32_t add_ons, const Words& calls) {
  Words args = {"syscall"};
  args.insert(args.end(), calls.begin(), calls.end());
  return printed_with(add_ons, args);
}

Words IsolationTest::printed_with(std::uint32_t add_ons, const Words& args) {
  auto bundle = kernel::make_memory_file("bundle");
  EXPECT_TRUE(bundle);
  cell::BundleWriter writer(*bundle);
  EXPECT_TRUE(writer.add(cell::Record::argument, "", "./probe"));
  for (const std::string& word : args) EXPECT_TRUE(writer.add(cell::Record::argument, "", word));
  EXPECT_TRUE(writer.add(cell::Record::file, "probe", probe_program(), 0755));
  EXPECT_TRUE(writer.end());
  EXPECT_TRUE(kernel::seal(*bundle));
  std::optional<base::Result<StageResult>> result;
  const job::Stage stage(job::Means{.loop = loop(), .keeper = keeper()},
                         "run",
                         {.limits = roomy_limits(), .add_ons = add_ons},
                         *bundle,
                         {},
                         [&](base::Result<StageResult> ended) {
                           result.emplace(std::move(ended));
                           loop().stop();
                         });
  EXPECT_TRUE(loop().run());
  EXPECT_TRUE(result && *result);
  return result && *result ? lines_of((*result)->stdout_text.bytes) : Words{};
}

TEST_F(IsolationTest, AnAddOnAllowsItsOwnCallsAndNoOthers) {
  const Words calls = {"ptrace", "process_vm_readv", "inotify", "bpf"};
  EXPECT_EQ(answers_with(cell::kNoAddOn, calls), (Words{"EPERM", "EPERM", "ENOSYS", "EPERM"}));
  EXPECT_EQ(answers_with(cell::kPtrace, calls), (Words{"ok", "ok", "ENOSYS", "EPERM"}));
  EXPECT_EQ(answers_with(cell::kInotify, calls), (Words{"EPERM", "EPERM", "ok", "EPERM"}));
}

// ---- The processor. ----

TEST_F(IsolationTest, SpeculationIsOffForGoodWhereThatIsAChoiceUnlessAnAddOnLeavesIt) {
  constexpr int kForcedOff = PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE;
  Words expected;
  bool is_choice = false;
  for (const int kind : kernel::kSpeculations) {
    const int here = ::prctl(PR_GET_SPECULATION_CTRL, kind, 0, 0, 0);
    const bool chosen = kernel::speculation_of(here) == kernel::Speculation::choice;
    expected.push_back(std::to_string(chosen ? kForcedOff : here));
    is_choice |= chosen;
  }
  // No program can change its own: the filter does not know the call.
  expected.insert(expected.end(), {"ENOSYS", "ENOSYS"});
  EXPECT_EQ(printed_by({"speculation"}), expected);
  if (!is_choice) GTEST_SKIP() << "neither is a choice on this host; retort doctor says why";
  EXPECT_NE(printed_with(cell::kSpeculation, {"speculation"}), expected);
}

// The cookie by which the kernel tells who may share a core with it; 0: everybody.
unsigned long core_cookie_of(pid_t pid) {
  unsigned long cookie = 0;
  return ::prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, 0, &cookie) == 0 ? cookie : 0;
}

TEST_F(IsolationTest, NoTwoCellsShareACoreWhereTheKernelCanKeepThemApart) {
  if (!kernel::has_core_scheduling())
    GTEST_SKIP() << "no core scheduling on this host; retort doctor says why";
  std::set<unsigned long> cookies;
  run_many({{.args = {"sleep", "30000"}}, {.args = {"sleep", "30000"}}}, [&] {
    cookies.clear();
    for (const HostProcess& process : cell_processes()) {
      if (process.command == "probe") cookies.insert(core_cookie_of(process.pid));
    }
    return cookies.size() == 2;
  });
  EXPECT_EQ(cookies.size(), 2U);
  EXPECT_FALSE(cookies.contains(core_cookie_of(0)));
}

// ---- Network. ----

TEST_F(IsolationTest, APortThatTheHostListensOnCannotBeReached) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(listener.is_open());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), any, size), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::getsockname(listener.get(), any, &size), 0);
  const Fd from_here(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(from_here.is_open());
  ASSERT_EQ(::connect(from_here.get(), any, size), 0);

  EXPECT_EQ(printed_by({"connect", std::to_string(ntohs(address.sin_port))}),
            Words{"ECONNREFUSED"});
}

// ---- What it can do to others. ----

TEST_F(IsolationTest, KillingEverythingHarmsNobodyElse) {
  const auto results =
      run_many({{.args = {"sleep", "700"}}, {.args = {"kill-all"}}, {.args = {"kill-init"}}});
  EXPECT_EQ(outcome_of(results.at(0)), "ok");
  EXPECT_EQ(outcome_of(results.at(1)), "ok");
  EXPECT_EQ(outcome_of(results.at(2)), "ok");
  EXPECT_EQ(results.at(1).stdout_text.bytes, "ESRCH\n");  // besides itself there is nobody
  EXPECT_EQ(results.at(2).stdout_text.bytes, "EPERM\n");
}

TEST_F(IsolationTest, ADaemonEndsWithTheProgram) {
  const auto result = run_probe({"daemon"});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(result.verdict.exit_code, 0);
  EXPECT_TRUE(cell_processes().empty());
}

TEST_F(IsolationTest, ACancelledJobIsGone) {
  bool seen = false;
  const auto results = run_many({{.args = {"spin", "forever", "children:8"}}}, [&] {
    seen = cell_processes().size() >= 9;
    return seen;
  });
  EXPECT_TRUE(seen);
  EXPECT_EQ(outcome_of(results.front()), "cancelled");
  EXPECT_TRUE(cell_processes().empty());
}

const Words kAllTraces = {"tmp",
                          "var-tmp",
                          "dev-shm",
                          "box",
                          "shared-memory",
                          "semaphore",
                          "message-queue",
                          "posix-queue"};

TEST_F(IsolationTest, WhatOneJobLeavesTheNextDoesNotFind) {
  EXPECT_EQ(printed_by({"traces", "leave", "0"}), kAllTraces);
  EXPECT_EQ(printed_by({"traces", "find", "0"}), Words{});
}

TEST_F(IsolationTest, WhatOneJobMakesAnotherAtTheSameTimeDoesNotFind) {
  const auto results =
      run_many({{.args = {"traces", "leave", "800"}}, {.args = {"traces", "find", "300"}}});
  EXPECT_EQ(lines_of(results.at(0).stdout_text.bytes), kAllTraces);
  EXPECT_EQ(outcome_of(results.at(1)), "ok");
  EXPECT_EQ(results.at(1).stdout_text.bytes, "");
}

}  // namespace
}  // namespace retort::test
