// Collect: what a program leaves in its folder comes back, and what could fool or flood the caller
// is refused.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <stdlib.h>

#include "base/clock.h"
#include "cell/bundle.h"
#include "job/output_files.h"
#include "kernel/files.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

namespace fs = std::filesystem;
using base::ByteSize;
using cell::Limits;
using cell::Record;
using job::StageResult;

constexpr std::uint64_t kTebi = 1ULL << 40U;

struct Collected {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> refused;  // name: why
  Words folders;                               // empty ones
};

Collected read_collected(const StageResult& result) {
  Collected collected;
  EXPECT_TRUE(result.collected.is_open());
  EXPECT_EQ(::lseek(result.collected.get(), 0, SEEK_SET), 0);
  cell::BundleReader reader(result.collected);
  for (;;) {
    const auto record = reader.next();
    EXPECT_TRUE(record) << record.error().what;
    if (!record || record->kind == Record::end) return collected;
    const auto text = reader.take_text(*record, 1U << 30U);
    EXPECT_TRUE(text);
    if (!text) return collected;
    if (record->kind == Record::file) collected.files[record->name] = *text;
    if (record->kind == Record::refused) collected.refused[record->name] = *text;
    if (record->kind == Record::directory) collected.folders.push_back(record->name);
  }
}

class CollectTest : public CellTest {
 protected:
  // The probe makes what `args` say; it must end well, and so must the collection, soon.
  StageResult make(Words args, const Limits& limits = roomy_limits()) {
    const base::Duration begin = base::monotonic_now();
    args.insert(args.begin(), "make");
    auto result = run_probe({.args = std::move(args), .limits = limits, .collect = true});
    EXPECT_EQ(outcome_of(result), "ok") << result.stderr_text.bytes;
    EXPECT_LT(base::monotonic_now() - begin, std::chrono::seconds(20));
    return result;
  }
};

TEST_F(CollectTest, FilesAndFoldersComeBack) {
  const auto result = make({"file",
                            "a",
                            "5",
                            "folder",
                            "sub",
                            "",
                            "file",
                            "sub/b",
                            "100000",
                            "file",
                            "empty",
                            "0",
                            "folder",
                            "bare",
                            ""});
  const Collected collected = read_collected(result);
  EXPECT_TRUE(collected.refused.empty());
  ASSERT_EQ(collected.files.size(), 3U) << "and not the probe, which is as it came";
  EXPECT_EQ(collected.files.at("a"), counted_bytes(0, 5));
  EXPECT_TRUE(collected.files.at("sub/b") == counted_bytes(0, 100'000));
  EXPECT_EQ(collected.files.at("empty"), "");
  EXPECT_EQ(collected.folders, Words{"bare"});
}

TEST_F(CollectTest, TheWallTimeOfTheProgramIsNotTheCollectors) {
  Limits limits = roomy_limits();
  limits.memory = base::ByteSize::of_bytes(512U << 20U);
  const std::string size = std::to_string(100U << 20U);
  const auto wall_us = make({"file", "large", size}, limits).facts.wall_us;
  // It will be over while the file is still being read, and long after the program has ended.
  limits.wall_time = base::Duration(static_cast<base::Duration::rep>(wall_us + wall_us / 2));
  const auto result =
      run_probe({.args = {"make", "file", "large", size}, .limits = limits, .collect = true});
  if (outcome_of(result) != "ok") GTEST_SKIP() << "the second run took longer than the first";
  EXPECT_EQ(read_collected(result).files.at("large").size(), 100U << 20U);
}

TEST_F(CollectTest, OnlyRegularFilesWithOneNameComeBack) {
  const auto result =
      make({"file", "good", "1",        "symlink", "link",   "/etc/passwd", "symlink", "around",
            "..",   "fifo", "pipe",     "",        "socket", "socket",      "",        "file",
            "one",  "1",    "hardlink", "two",     "one",    "unreadable",  "secret",  ""});
  const Collected collected = read_collected(result);
  EXPECT_TRUE(collected.files.contains("good"));
  EXPECT_EQ(collected.files.size(), 1U);
  EXPECT_EQ(collected.refused,
            (std::map<std::string, std::string>{{"link", "a symbolic link"},
                                                {"around", "a symbolic link"},
                                                {"pipe", "a FIFO"},
                                                {"socket", "a socket"},
                                                {"one", "has more than one link"},
                                                {"two", "has more than one link"},
                                                {"secret", "not readable"}}));
}

TEST_F(CollectTest, AFileThatIsLargeAndHoldsNothingIsRefused) {
  Limits limits = roomy_limits();
  limits.file_size = ByteSize::of_bytes(kTebi);
  const auto result = make({"file", "good", "1", "sparse", "holes", std::to_string(kTebi)}, limits);
  const Collected collected = read_collected(result);
  EXPECT_TRUE(collected.files.contains("good"));
  EXPECT_EQ(collected.refused,
            (std::map<std::string, std::string>{{"holes", "larger than what may be collected"}}));
}

TEST_F(CollectTest, ManyLargeFilesThatHoldNothingTogetherAreNoMoreThanTheDisk) {
  Limits limits = roomy_limits();
  limits.disk = ByteSize::of_bytes(64U << 20U);
  Words args;
  for (int i = 0; i < 20; ++i)
    args.insert(args.end(), {"sparse", "holes-" + std::to_string(i), "20000000"});
  const Collected collected = read_collected(make(args, limits));
  std::uint64_t total = 0;
  for (const auto& [name, content] : collected.files) total += content.size();
  EXPECT_LE(total, limits.disk.bytes());
  EXPECT_EQ(collected.files.size() + collected.refused.size(), 20U);
  EXPECT_GE(collected.refused.size(), 17U);
}

TEST_F(CollectTest, ATreeThatIsTooDeepIsRefusedWhereItBecomesSo) {
  for (const char* levels : {"100", "1500"}) {
    const Collected collected = read_collected(make({"file", "good", "1", "deep", "d", levels}));
    EXPECT_TRUE(collected.files.contains("good"));
    EXPECT_EQ(collected.files.size(), 1U);
    ASSERT_EQ(collected.refused.size(), 1U);
    EXPECT_EQ(collected.refused.begin()->second, "too deep");
  }
}

TEST_F(CollectTest, ATreeThatIsNotTooDeepComesBackWhole) {
  const Collected collected = read_collected(make({"deep", "d", "50"}));
  EXPECT_TRUE(collected.refused.empty());
  std::string path;
  for (int i = 0; i < 50; ++i) path += "d/";
  EXPECT_TRUE(collected.files.contains(path + "bottom"));
}

TEST_F(CollectTest, APathThatIsTooLongIsRefused) {
  const std::string long_name(250, 'n');
  const Collected collected = read_collected(make({"file", "good", "1", "deep", long_name, "6"}));
  EXPECT_TRUE(collected.files.contains("good"));
  ASSERT_EQ(collected.refused.size(), 1U);
  EXPECT_EQ(collected.refused.begin()->second, "its path is too long");
}

TEST_F(CollectTest, MoreEntriesThanMayBeCollectedAreRefused) {
  const auto result = run_probe({.args = {"write-files", "11000"}, .collect = true});
  EXPECT_EQ(outcome_of(result), "ok");
  const Collected collected = read_collected(result);
  EXPECT_LE(collected.files.size(), 10'000U);
  ASSERT_FALSE(collected.refused.empty());
  EXPECT_TRUE(std::ranges::all_of(collected.refused, [](const auto& refusal) {
    return refusal.second.starts_with("too many entries");
  }));
}

TEST_F(CollectTest, WhatAKilledProgramWroteComesBack) {
  Limits limits = roomy_limits();
  limits.file_size = ByteSize::of_bytes(1000);
  const auto result =
      run_probe({.args = {"write-file", "part", "2000"}, .limits = limits, .collect = true});
  EXPECT_EQ(outcome_of(result), "disk_limit");
  EXPECT_EQ(read_collected(result).files.at("part"), counted_bytes(0, 1000));
}

TEST_F(CollectTest, AFolderThatTheProgramReplacedByALinkLeadsNowhere) {
  const Collected collected =
      read_collected(make({"symlink", "etc", "/etc", "symlink", "self", "."}));
  EXPECT_EQ(collected.files.size(), 0U);
  EXPECT_EQ(collected.refused.size(), 2U);
}

// ---- And on to the caller's own folder. ----

class OutputFolderTest : public CollectTest {
 protected:
  void SetUp() override {
    CollectTest::SetUp();
    std::string pattern = testing::TempDir() + "retort_collect_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    fs::remove_all(folder_);
    CollectTest::TearDown();
  }

  std::map<std::string, std::string> written(const StageResult& result) {
    EXPECT_EQ(::lseek(result.collected.get(), 0, SEEK_SET), 0);
    std::map<std::string, std::string> reasons;
    for (const job::OutputFile& file : job::write_output_files(result.collected, out())) {
      reasons[file.name] = file.refused;
    }
    return reasons;
  }

  // The caller's folder, as write_output_files wants it.
  base::Fd out() {
    fs::create_directory(folder_ / "out");
    return *kernel::open_at(AT_FDCWD, (folder_ / "out").string(), O_PATH | O_DIRECTORY);
  }

  fs::path folder_;
};

TEST_F(OutputFolderTest, FilesAreWrittenAndUnchangedInputsAreNot) {
  const auto reasons = written(make({"file", "a", "5", "folder", "sub", "", "file", "sub/b", "7"}));
  EXPECT_EQ(reasons, (std::map<std::string, std::string>{{"a", ""}, {"sub/b", ""}}));
  std::string text;
  std::ifstream(folder_ / "out/sub/b") >> text;
  EXPECT_EQ(text, counted_bytes(0, 7));
  EXPECT_FALSE(fs::exists(folder_ / "out/probe"));
}

TEST_F(OutputFolderTest, NamesThatWouldLieOnATerminalAreRefused) {
  const auto reasons = written(make({"file",
                                     "good",
                                     "1",
                                     "file",
                                     "two\nlines",
                                     "1",
                                     "file",
                                     "\xFF\xFE",
                                     "1",
                                     "file",
                                     "\x1B[2J",
                                     "1"}));
  ASSERT_EQ(reasons.size(), 4U);
  EXPECT_EQ(reasons.at("good"), "");
  EXPECT_NE(reasons.at("two\nlines"), "");
  EXPECT_NE(reasons.at("\xFF\xFE"), "");
  EXPECT_NE(reasons.at("\x1B[2J"), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "out"), {}), 1);
}

TEST_F(OutputFolderTest, ALinkInTheCallersFolderIsNotFollowed) {
  const fs::path victim = folder_ / "victim";
  std::ofstream(victim) << "untouched";
  fs::create_directory(folder_ / "out");
  fs::create_symlink(victim, folder_ / "out/a");
  EXPECT_NE(written(make({"file", "a", "5"})).at("a"), "");
  std::string text;
  std::ifstream(victim) >> text;
  EXPECT_EQ(text, "untouched");
}

TEST_F(OutputFolderTest, AFifoOrAFolderInTheWayIsARefusalAndNothingIsWaitedFor) {
  fs::create_directories(folder_ / "out/b");
  ASSERT_EQ(::mkfifo((folder_ / "out/a").c_str(), 0600), 0);
  const auto reasons = written(make({"file", "a", "5", "file", "b", "5", "file", "c", "5"}));
  EXPECT_NE(reasons.at("a"), "");
  EXPECT_NE(reasons.at("b"), "");
  EXPECT_EQ(reasons.at("c"), "") << "the others are written all the same";
}

TEST_F(OutputFolderTest, ACollectionThatBreaksOffSaysSo) {
  const auto result = make({"file", "a", "5"});
  ASSERT_EQ(::ftruncate(result.collected.get(), 30), 0);
  const auto reasons = written(result);
  EXPECT_NE(reasons.at("."), "");
}

}  // namespace
}  // namespace retort::test
