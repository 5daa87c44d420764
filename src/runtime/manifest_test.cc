// Tests of manifest.h: a manifest is read whole or refused with every fault; ours all load.
#include "runtime/manifest.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "cell/filter.h"

namespace retort::runtime {
namespace {

namespace fs = std::filesystem;
using base::operator""_MiB;
using base::operator""_GiB;

constexpr std::string_view kSmallest = R"(id = "zed"
name = "Zed"
extensions = ["z"]
needs = ["/bin/sh"]
version_command = ["/bin/zed", "-V"]
main = "main.z"
[run]
command = ["/bin/zed", "{main}"]
)";

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "retort_manifest_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    parent_ = pattern;
    folder_ = parent_ + "/zed";
    fs::create_directories(folder_ + "/samples");
  }
  void TearDown() override { fs::remove_all(parent_); }

  base::Result<Manifest> load(const std::string& text) {
    std::ofstream(folder_ + "/runtime.toml") << text;
    return load_manifest(folder_);
  }
  // The faults of a manifest, without the path in front of each.
  std::string faults(const std::string& text) {
    const auto manifest = load(text);
    if (manifest) return "";
    EXPECT_EQ(manifest.error().fault, base::Fault::invalid);
    std::string all = manifest.error().what;
    const std::string prefix = folder_ + "/runtime.toml:";
    for (std::size_t at = 0; (at = all.find(prefix, at)) != std::string::npos;) {
      all.erase(at, prefix.size());
    }
    return all;
  }
  // kSmallest with one line replaced.
  static std::string with(std::string_view old_line, std::string_view new_line) {
    std::string text(kSmallest);
    const std::size_t at = text.find(old_line);
    EXPECT_NE(at, std::string::npos) << old_line;
    text.replace(at, text.find('\n', at) - at, new_line);
    return text;
  }

  std::string parent_;
  std::string folder_;
};

TEST_F(ManifestTest, KnowsWhichLimitsItSetItself) {
  const auto manifest =
      load(std::string(kSmallest) + "[run.limits]\nmemory = \"64MiB\"\nnetwork = \"none\"\n");
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->run.own_limits,
            1U << static_cast<unsigned>(cell::Limit::memory) |
                1U << static_cast<unsigned>(cell::Limit::network));
}

TEST_F(ManifestTest, TheSmallestManifestGetsTheBuiltInDefaults) {
  const auto manifest = load(std::string(kSmallest));
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->id, "zed");
  EXPECT_EQ(manifest->folder, folder_);
  EXPECT_EQ(manifest->image, "host");
  EXPECT_FALSE(manifest->compile);
  EXPECT_EQ(manifest->run.limits.memory, cell::Limits{}.memory);
  EXPECT_TRUE(load_manifest(folder_ + "/"));
}

TEST_F(ManifestTest, AddOnsAreBitsOfTheirStage) {
  const auto manifest = load(R"(id = "zed"
name = "Zed"
extensions = ["z"]
needs = ["/bin/sh"]
version_command = ["/bin/zed", "-V"]
main = "main.z"
[compile]
command = ["/bin/zed", "{sources}"]
artefacts = ["out"]
add_ons = ["inotify"]
[run]
command = ["./out"]
add_ons = ["ptrace", "inotify"]
)");
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->compile->stage.add_ons, cell::kInotify);
  EXPECT_EQ(manifest->run.add_ons, cell::kPtrace | cell::kInotify);
  EXPECT_EQ(load(std::string(kSmallest))->run.add_ons, 0U);
}

TEST_F(ManifestTest, AnUnknownAddOnIsAnsweredWithTheNearest) {
  const auto fault = [&](const std::string& list) {
    return faults(std::string(kSmallest) + "add_ons = " + list);
  };
  EXPECT_EQ(fault("['ptarce']"),
            "9:12: run.add_ons[0]: 'ptarce' is no add-on; did you mean 'ptrace'?");
  EXPECT_EQ(fault("['ptrace', 'bpf']"),
            "9:22: run.add_ons[1]: 'bpf' is no add-on; known are ptrace, inotify, speculation");
  EXPECT_EQ(fault("['ptrace', 'ptrace']"), "9:22: run.add_ons[1]: 'ptrace' is given twice");
  EXPECT_EQ(fault("'ptrace'"), "9:11: run.add_ons: must be an array of text, not text");
}

TEST_F(ManifestTest, EveryKeyIsRead) {
  std::ofstream(folder_ + "/samples/a.z") << "";
  std::ofstream(folder_ + "/samples/b.z") << "";
  const auto manifest = load(R"(
id = "zed"
name = "Zed++"
aliases = ["z++", "zz"]
extensions = ["z", "Z"]
image = "host"
needs = ["/usr/bin/zed"]
packages = ["zed", "libzed-dev"]
version_command = ["/usr/bin/zed", "-V"]
main = "main.z"
[compile]
command = ["/usr/bin/zed", "-o", "out", "{sources}"]
artefacts = ["out", "lib/x"]
env = { ZED_HOME = "/usr/lib/zed" }
[compile.limits]
memory = "3GiB"
[run]
command = ["./out", "{args}"]
env = { LANG = "C.UTF-8" }
[run.limits]
cpu_time = "1.5s"
processes = 7
network = "none"
[[sample]]
name = "one"
files = ["samples/a.z", "samples/b.z"]
args = ["x", "-y"]
stdin = "in"
stdout = "out"
status = "nonzero_exit"
exit_code = 3
)");
  ASSERT_TRUE(manifest) << manifest.error().what;
  EXPECT_EQ(manifest->name, "Zed++");
  EXPECT_EQ(manifest->aliases, (std::vector<std::string>{"z++", "zz"}));
  EXPECT_EQ(manifest->extensions, (std::vector<std::string>{"z", "Z"}));
  EXPECT_EQ(manifest->needs, (std::vector<std::string>{"/usr/bin/zed"}));
  EXPECT_EQ(manifest->packages, (std::vector<std::string>{"zed", "libzed-dev"}));
  EXPECT_EQ(manifest->version_command, (std::vector<std::string>{"/usr/bin/zed", "-V"}));
  EXPECT_EQ(manifest->main, "main.z");
  ASSERT_TRUE(manifest->compile);
  EXPECT_EQ(manifest->compile->stage.command.size(), 4U);
  EXPECT_EQ(manifest->compile->artefacts, (std::vector<std::string>{"out", "lib/x"}));
  EXPECT_EQ(manifest->compile->stage.env.at("ZED_HOME"), "/usr/lib/zed");
  EXPECT_EQ(manifest->compile->stage.limits.memory, 3_GiB);
  EXPECT_EQ(manifest->compile->stage.limits.cpu_time, cell::compile_defaults().cpu_time);
  EXPECT_EQ(manifest->run.command, (std::vector<std::string>{"./out", "{args}"}));
  EXPECT_EQ(manifest->run.env.at("LANG"), "C.UTF-8");
  EXPECT_EQ(manifest->run.limits.cpu_time, base::Duration(1'500'000));
  EXPECT_EQ(manifest->run.limits.processes, 7U);
  EXPECT_EQ(manifest->run.limits.network, cell::Network::none);
  EXPECT_EQ(manifest->run.limits.memory, 512_MiB);
  ASSERT_EQ(manifest->samples.size(), 1U);
  const Sample& sample = manifest->samples.front();
  EXPECT_EQ(sample.name, "one");
  EXPECT_EQ(sample.files.size(), 2U);
  EXPECT_EQ(sample.args, (std::vector<std::string>{"x", "-y"}));
  EXPECT_EQ(sample.stdin_text, "in");
  EXPECT_EQ(sample.stdout_text, "out");
  EXPECT_EQ(sample.status, "nonzero_exit");
  EXPECT_EQ(sample.exit_code, 3);
}

TEST_F(ManifestTest, WhatIsRequiredAndMissingIsListedAtOnce) {
  EXPECT_EQ(faults("[compile]\n"),
            "1:1: compile.artefacts: is required and missing\n"
            "1:1: compile.command: is required and missing\n"
            "1:1: extensions: is required and missing\n"
            "1:1: id: is required and missing\n"
            "1:1: main: is required and missing\n"
            "1:1: name: is required and missing\n"
            "1:1: needs: is required and missing\n"
            "1:1: run: is required and missing\n"
            "1:1: version_command: is required and missing");
}

TEST_F(ManifestTest, LimitsSayWhatIsWrongWithThem) {
  EXPECT_EQ(
      faults(std::string(kSmallest) + R"([run.limits]
memory = "5"
cpu_time = 2
processes = "9"
wall_time = "0s"
open_files = 1000000
network = "internet"
disk = "9000TiB"
memroy = "1GiB"
disk_inodes = -1
)"),
      "10:10: run.limits.memory: '5' has no unit; write for example 256MiB or 64KiB\n"
      "11:12: run.limits.cpu_time: must be text with a unit, for example \"10s\", not an integer\n"
      "12:13: run.limits.processes: must be a whole number without quotes, not text\n"
      "13:13: run.limits.wall_time: wall_time 0s is outside its bounds 1ms to 24h\n"
      "14:14: run.limits.open_files: open_files 1000000 is outside its bounds 8 to 16384\n"
      "15:11: run.limits.network: 'internet' is neither none nor loopback\n"
      "16:8: run.limits.disk: disk 9000TiB is outside its bounds 64KiB to 1TiB\n"
      "17:1: run.limits.memroy: unknown key; did you mean 'memory'?\n"
      "18:15: run.limits.disk_inodes: '-1' is not a whole number");
}

TEST_F(ManifestTest, LimitsSteerNoTerminal) {
  EXPECT_EQ(faults(std::string(kSmallest) + "[run.limits]\nmemory = \"\\u001b[2J\"\n"),
            "10:10: run.limits.memory: '\\x1b[2J' is not a number with a unit; write for example "
            "256MiB or 64KiB");
}

TEST_F(ManifestTest, NamesHaveTheirAlphabet) {
  EXPECT_EQ(faults(with("id =", "id = \"Zed\"")),
            "1:6: id: must be of a-z, 0-9 and -, and begin with a letter");
  EXPECT_EQ(faults(with("id =", "id = \"zee\"")),
            "1:6: id: 'zee' is not the name of the folder, 'zed'");
  EXPECT_EQ(faults(with("name =", "name = \"\\u001b[2J\"")),
            "2:8: name: must be one line of printable text without backslashes");
  EXPECT_EQ(
      faults(with("extensions =",
                  "extensions = [\".z\", \"y\", \"y\"]\naliases = [\"a@1\", \"zed\"]")),
      "3:15: extensions[0]: '.z' is no extension: write it without a dot, of letters, digits and "
      "+ - _\n"
      "3:26: extensions[2]: 'y' is given twice\n"
      "4:12: aliases[0]: 'a@1' is no alias: it must be of a-z, 0-9 and + # . _ -, and not the id\n"
      "4:19: aliases[1]: 'zed' is no alias: it must be of a-z, 0-9 and + # . _ -, and not the id\n"
      "7:8: main: 'main.z' has none of the runtime's extensions");
  EXPECT_EQ(faults(with("extensions =", "extensions = []")), "3:14: extensions: must not be empty");
  EXPECT_EQ(faults(with("id =", "id = \"\"")), "1:6: id: must not be empty");
  EXPECT_EQ(faults(with("name =", "name = \"\"")), "2:8: name: must not be empty");
  EXPECT_EQ(faults(with("main =", "main = \"\"")), "6:8: main: must not be empty");
}

TEST_F(ManifestTest, TheToolchainIsNamedByAbsolutePathsAndDebianPackages) {
  EXPECT_EQ(
      faults(with("needs =",
                  "needs = [\"zed\", \"/a/../b\"]\nimage = \"alpine\"\npackages = [\"zed; rm\"]")),
      "4:10: needs[0]: 'zed' is no absolute path without '.' and '..'\n"
      "4:17: needs[1]: '/a/../b' is no absolute path without '.' and '..'\n"
      "5:9: image: 'alpine' is no image; the only one is 'host'\n"
      "6:13: packages[0]: 'zed; rm' is no name of a Debian package");
  EXPECT_EQ(faults(with("version_command =", "version_command = [\"zed\", \"{memory_mib}\"]")),
            "5:20: version_command[0]: the program must be an absolute path\n"
            "5:27: version_command[1]: takes no placeholder");
}

TEST_F(ManifestTest, CommandsAndArtefactsAreChecked) {
  EXPECT_EQ(faults(with("[run]",
                        "[compile]\ncommand = [\"/bin/zed\", \"{sorces}\"]\n"
                        "artefacts = [\"../x\", \"\", \"/y\", \"ok\", \"ok\"]\n[run]") +
                   "[run.limit]\n"),
            "8:24: compile.command[1]: unknown placeholder {sorces}; known are {main}, {sources}, "
            "{args}, "
            "{stem}, {memory_bytes}, {memory_mib}; write {{ for the character {\n"
            "9:14: compile.artefacts[0]: '../x' is no relative path inside the working directory\n"
            "9:22: compile.artefacts[1]: '' is no relative path inside the working directory\n"
            "9:26: compile.artefacts[2]: '/y' is no relative path inside the working directory\n"
            "9:38: compile.artefacts[4]: 'ok' is given twice\n"
            "12:6: run.limit: unknown key; did you mean 'limits'?");
}

TEST_F(ManifestTest, TheProgramOfTheRunStageMayBeAnArtefactOnly) {
  std::string text(kSmallest);
  text.replace(text.rfind("/bin/zed"), 8, "./zed");
  EXPECT_EQ(faults(text), "8:12: run.command[0]: './zed' is none of compile.artefacts");
}

TEST_F(ManifestTest, EnvironmentCannotSteerTheLinker) {
  EXPECT_EQ(
      faults(std::string(kSmallest) + R"([run.env]
LD_PRELOAD = "/x.so"
LD_LIBRARY_PATH = "/x"
LD_AUDIT = "/x.so"
lower = "x"
"A=B" = "x"
"1A" = "x"
LINES = "a\nb"
NUL = "a\u0000b"
OPTIONS = "--size=1"
NUMBER = 1
GOOD_1 = "x y"
)"),
      "10:14: run.env.LD_PRELOAD: is refused: it would load code that the command does not name\n"
      "11:19: run.env.LD_LIBRARY_PATH: is refused: it would load code that the command does not "
      "name\n"
      "12:12: run.env.LD_AUDIT: is refused: it would load code that the command does not name\n"
      "13:9: run.env.lower: a variable's name must be of A-Z, 0-9 and _, and begin with no digit\n"
      "14:9: run.env.A=B: a variable's name must be of A-Z, 0-9 and _, and begin with no digit\n"
      "15:8: run.env.1A: a variable's name must be of A-Z, 0-9 and _, and begin with no digit\n"
      "16:9: run.env.LINES: a variable's value may hold no newline or NUL\n"
      "17:7: run.env.NUL: a variable's value may hold no newline or NUL\n"
      "19:10: run.env.NUMBER: must be text, not an integer");
}

TEST_F(ManifestTest, SamplesMustBeRunnable) {
  std::ofstream(folder_ + "/samples/a.z") << "";
  EXPECT_EQ(faults(std::string(kSmallest) + R"([[sample]]
name = "x"
files = ["samples/a.z", "samples/none.z", "../a.z", "samples/a.z", "runtime.toml"]
args = ["\u0000"]
status = "sinaled"
[[sample]]
name = "x"
files = []
exit_code = 256
[[sample]]
name = "y"
files = ["samples/a.z"]
exit_code = 1
)"),
            "11:25: sample[0].files[1]: 'samples/none.z' is no file beside runtime.toml\n"
            "11:43: sample[0].files[2]: file name '../a.z' has a '.' or '..' component\n"
            "11:53: sample[0].files[3]: 'samples/a.z' is given twice\n"
            "11:68: sample[0].files[4]: 'runtime.toml' is not in the folder of the main file, "
            "'samples/'\n"
            "12:9: sample[0].args[0]: holds a NUL byte\n"
            "13:10: sample[0].status: 'sinaled' is no status; did you mean 'signaled'?\n"
            "15:8: sample[1].name: another sample has the name 'x'\n"
            "16:9: sample[1].files: must not be empty\n"
            "17:13: sample[1].exit_code: must be from 0 to 255\n"
            "21:13: sample[2].exit_code: 1 contradicts status 'ok'");
}

TEST_F(ManifestTest, AFolderWithoutAManifestIsNotFound) {
  const auto manifest = load_manifest(folder_);
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().fault, base::Fault::not_found);
}

// Every runtime that Retort ships loads, and shows by its samples that a program runs, reads stdin
// and arguments, and that a failure is seen.
TEST(ShippedManifests, AllLoadAndHaveTheirSamples) {
  std::set<std::string> ids;
  for (const auto& entry : fs::directory_iterator(RETORT_SOURCE_DIR "/runtimes")) {
    if (!entry.is_directory()) continue;
    const auto manifest = load_manifest(entry.path().string());
    ASSERT_TRUE(manifest) << manifest.error().what;
    ids.insert(manifest->id);
    EXPECT_GE(manifest->samples.size(), 3U) << manifest->id;
    EXPECT_TRUE(std::ranges::any_of(manifest->samples, [](const Sample& sample) {
      return !sample.stdin_text.empty() && !sample.args.empty() && sample.status == "ok";
    })) << manifest->id;
    EXPECT_TRUE(std::ranges::any_of(manifest->samples, [](const Sample& sample) {
      return sample.status != "ok";
    })) << manifest->id;
    EXPECT_FALSE(manifest->packages.empty()) << manifest->id;
  }
  for (const char* id : {"bash", "c", "cpp", "java", "javascript", "perl", "python"}) {
    EXPECT_TRUE(ids.contains(id)) << id;
  }
}

}  // namespace
}  // namespace retort::runtime
