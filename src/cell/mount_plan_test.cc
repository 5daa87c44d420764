// Mount plan: the order and the flags that the cell's isolation rests on.
#include "cell/mount_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace retort::cell {
namespace {

const InitSpec kSpec{.disk_bytes = 1 << 20, .disk_inodes = 100};

TEST(MountPlan, PutsTheRootFirst) {
  const auto plan = mount_plan(kSpec);
  EXPECT_EQ(plan.at(0).target, "/");
  EXPECT_EQ(plan.at(1).target, "/usr");
}

TEST(MountPlan, NeverMountsAnythingThatSetUserIdBitsWorkOn) {
  for (const MountStep& step : mount_plan(kSpec))
    EXPECT_NE(step.attributes & MOUNT_ATTR_NOSUID, 0U) << step.target;
}

TEST(MountPlan, MountsTheImageReadOnlyUnderAnOverlay) {
  for (const MountStep& step : mount_plan(kSpec)) {
    if (step.step != Step::root && step.step != Step::usr) continue;
    EXPECT_EQ(step.type, "overlay");
    EXPECT_NE(step.attributes & MOUNT_ATTR_RDONLY, 0U);
    EXPECT_NE(step.attributes & MOUNT_ATTR_NODEV, 0U);
  }
}

TEST(MountPlan, LetsDevicesWorkOnlyOnTheFiveNodes) {
  int devices = 0;
  for (const MountStep& step : mount_plan(kSpec)) {
    if ((step.attributes & MOUNT_ATTR_NODEV) != 0) continue;
    EXPECT_EQ(step.kind, MountStep::Kind::copy);
    ++devices;
  }
  EXPECT_EQ(devices, 5);
}

TEST(MountPlan, HasATerminalWhereOneWasAskedForAndNowhereElse) {
  const auto targets = [](const InitSpec& spec) {
    std::vector<std::string> found;
    for (const MountStep& step : mount_plan(spec)) {
      if (step.target.starts_with("/dev") && step.target != "/dev/shm")
        found.push_back(step.target);
    }
    return found;
  };
  using Targets = std::vector<std::string>;
  InitSpec spec = kSpec;
  const Targets nodes = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
  EXPECT_EQ(targets(spec), nodes);
  spec.terminal = 1;
  Targets all = {"/dev"};
  all.insert(all.end(), nodes.begin(), nodes.end());
  all.insert(all.end(), {"/dev/tty", "/dev/pts"});
  EXPECT_EQ(targets(spec), all);
  spec.own_devices = 1;
  EXPECT_EQ(targets(spec), (Targets{"/dev", "/dev/pts"}));
}

TEST(MountPlan, GivesEverythingWritableOneBudget) {
  const auto plan = mount_plan(kSpec);
  const auto tmpfs = std::ranges::find(plan, "tmpfs", &MountStep::type);
  ASSERT_NE(tmpfs, plan.end());
  EXPECT_EQ(std::ranges::count(plan, "tmpfs", &MountStep::type), 1);
  EXPECT_NE(
      std::ranges::find(tmpfs->options, std::pair<std::string, std::string>("size", "1048576")),
      tmpfs->options.end());
  EXPECT_NE(
      std::ranges::find(tmpfs->options, std::pair<std::string, std::string>("nr_inodes", "100")),
      tmpfs->options.end());
  for (auto step = tmpfs + 1; step != plan.end(); ++step)
    EXPECT_EQ(step->kind, MountStep::Kind::folder);
}

TEST(MountPlan, ShowsOnlyTheCellsOwnProcesses) {
  const auto plan = mount_plan(kSpec);
  const auto proc = std::ranges::find(plan, "proc", &MountStep::type);
  ASSERT_NE(proc, plan.end());
  EXPECT_NE(std::ranges::find(proc->options, std::pair<std::string, std::string>("subset", "pid")),
            proc->options.end());
  EXPECT_NE(
      std::ranges::find(proc->options, std::pair<std::string, std::string>("hidepid", "invisible")),
      proc->options.end());
}

TEST(MountPlan, MountsNoSysAndNoControlGroups) {
  for (const MountStep& step : mount_plan(kSpec)) {
    EXPECT_NE(step.type, "sysfs");
    EXPECT_NE(step.type, "cgroup2");
    EXPECT_FALSE(step.target.starts_with("/sys"));
  }
}

}  // namespace
}  // namespace retort::cell
