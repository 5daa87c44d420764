// Tests of probe.h: promises that hold whatever the kernel can and whoever runs them.
#include "kernel/probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "kernel/files.h"

namespace retort::kernel {
namespace {

using base::Error;
using base::Fault;
using base::os_error;

struct NamedProbe {
  const char* name;
  Status (*run)();
};

constexpr std::array kProbes = {
    NamedProbe{"user_namespace", probe_user_namespace},
    NamedProbe{"namespaces", probe_namespaces},
    NamedProbe{"namespace_limits", probe_namespace_limits},
    NamedProbe{"mount_calls", probe_mount_calls},
    NamedProbe{"overlay", probe_overlay},
    NamedProbe{"tmpfs", probe_tmpfs},
    NamedProbe{"proc", probe_proc},
    NamedProbe{"openat2", probe_openat2},
    NamedProbe{"clone3", probe_clone3},
    NamedProbe{"birth_in_group", probe_birth_in_group},
    NamedProbe{"pidfd", probe_pidfd},
    NamedProbe{"close_range", probe_close_range},
    NamedProbe{"seals", probe_seals},
    NamedProbe{"filter", probe_filter},
};

std::string target_of(const std::string& link) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  target.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  return target;
}

std::map<std::string, std::string> links_in(const std::string& folder) {
  std::map<std::string, std::string> links;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") links[name] = target_of(folder + "/" + name);
  }
  return links;
}

std::string text_of(const std::string& path) {
  return read_small_file(AT_FDCWD, path, 16U << 20U).value_or("");
}

// All that a probe could change and this process could see.
struct Surroundings {
  std::map<std::string, std::string> descriptors = links_in("/proc/self/fd");
  std::map<std::string, std::string> namespaces = links_in("/proc/self/ns");
  std::string mounts = text_of("/proc/self/mountinfo");
  std::string limits = text_of("/proc/sys/user/max_user_namespaces");
  std::string host_name = text_of("/proc/sys/kernel/hostname");
  std::string folder = target_of("/proc/self/cwd");
  bool operator==(const Surroundings&) const = default;
};

bool has_children() {
  return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

class EveryProbe : public testing::TestWithParam<NamedProbe> {};

TEST_P(EveryProbe, LeavesNothingBehind) {
  const Surroundings before;
  (void)GetParam().run();
  EXPECT_FALSE(has_children());
  EXPECT_EQ(before, Surroundings());
}

TEST_P(EveryProbe, SaysTheSameTwice) {
  const Status first = GetParam().run();
  const Status second = GetParam().run();
  ASSERT_EQ(first.has_value(), second.has_value());
  if (!first) EXPECT_EQ(first.error().os_errno, second.error().os_errno);
}

TEST_P(EveryProbe, SaysWhatFailed) {
  if (const Status result = GetParam().run(); !result) EXPECT_FALSE(result.error().what.empty());
}

INSTANTIATE_TEST_SUITE_P(Probe, EveryProbe, testing::ValuesIn(kProbes), [](const auto& info) {
  return std::string(info.param.name);
});

TEST(Probe, WhatIsMadeInAUserNamespaceIsMissingWithoutOne) {
  if (probe_user_namespace()) GTEST_SKIP() << "this user may make user namespaces";
  for (const auto probe :
       {probe_namespaces, probe_namespace_limits, probe_mount_calls, probe_tmpfs, probe_proc}) {
    EXPECT_FALSE(probe());
  }
}

TEST(TryInChild, ASystemCallThatCannotExistIsMissing) {
  const Status result = try_in_child([]() -> Status {
    if (::syscall(1'000'000) != 0) return os_error("syscall", "1000000");
    return {};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().os_errno, ENOSYS);
}

TEST(TryInChild, BringsTheErrorBackWhole) {
  const Status result =
      try_in_child([]() -> Status { return Error{Fault::busy, "it is taken", EBUSY}; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::busy);
  EXPECT_EQ(result.error().what, "it is taken");
  EXPECT_EQ(result.error().os_errno, EBUSY);
}

TEST(TryInChild, CutsLongWords) {
  const Status result =
      try_in_child([]() -> Status { return Error{Fault::internal, std::string(100'000, 'x'), 0}; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, std::string(1024, 'x'));
}

TEST(TryInChild, NestedAttemptsBringTheirErrorsThrough) {
  const Status result = try_in_child([] {
    return try_in_child([]() -> Status { return Error{Fault::gone, "the inner one", ESRCH}; });
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "the inner one");
}

TEST(TryInChild, AChildThatIsKilledHasFailed) {
  const Status result = try_in_child([]() -> Status {
    ::raise(SIGKILL);
    return {};
  });
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().what.find("signal 9"), std::string::npos) << result.error().what;
  EXPECT_FALSE(has_children());
}

TEST(TryInChild, AChildThatEndsWithoutAWordHasFailed) {
  const Status result = try_in_child([]() -> Status { ::_exit(0); });
  ASSERT_FALSE(result);
  EXPECT_FALSE(has_children());
}

TEST(TryInChild, WhatTheChildChangesEndsWithIt) {
  const Surroundings before;
  int value = 1;
  const Status result = try_in_child([&]() -> Status {
    value = 2;
    if (::chdir("/") != 0) return os_error("chdir", "/");
    RETORT_TRY(Fd folder, open_at(AT_FDCWD, "/", O_PATH));
    (void)folder.release();
    return {};
  });
  EXPECT_TRUE(result);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(before, Surroundings());
}

}  // namespace
}  // namespace retort::kernel
