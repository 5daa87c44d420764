// Tests of settings.h, settings_load.h and setting_keys.h: sources override each other in order and
// are remembered, every fault is told at once, contradictions are named by both sides.
#include "api/settings.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "api/setting_keys.h"
#include "api/settings_load.h"

namespace retort::api {
namespace {

namespace fs = std::filesystem;

Result<Settings> parse(std::string_view toml, const SettingSources& sources = {}) {
  return parse_settings(toml, "r.toml", sources);
}

std::string faults(std::string_view toml, const SettingSources& sources = {}) {
  const auto settings = parse(toml, sources);
  return settings ? "" : settings.error().what;
}

Settings good(std::string_view toml, const SettingSources& sources = {}) {
  auto settings = parse(toml, sources);
  EXPECT_TRUE(settings) << settings.error().what;
  return settings ? *std::move(settings) : Settings{};
}

std::string shown(const Settings& settings, std::string_view dotted) {
  for (const SettingKey& key : setting_keys()) {
    if (key.dotted() == dotted) return value_text(settings, key);
  }
  return "no such key";
}

runtime::Manifest cpp() {
  runtime::Manifest manifest;
  manifest.id = "cpp";
  manifest.run.limits.processes = 64;
  manifest.run.own_limits = 1U << static_cast<unsigned>(Limit::processes);
  return manifest;
}

TEST(Settings, TheBuiltInDefaultsAreWithoutFaultAndKeptFromOthers) {
  const Settings settings = good("");
  EXPECT_TRUE(settings.sources.empty());
  EXPECT_EQ(settings.source_of("queue.length"), "default");
  EXPECT_FALSE(settings.is_open_to_others());
  EXPECT_FALSE(settings.requires_keys());
}

TEST(Settings, EachSourceGoesOverTheOneBeforeAndIsRemembered) {
  SettingSources sources;
  sources.environment = {{"RETORT_QUEUE_LENGTH", "30"},
                         {"RETORT_LIMITS_RUN_LARGEST_CPU_TIME", "20s"},
                         {"RETORT_RUNTIMES", "/elsewhere"},
                         {"PATH", "/bin"}};
  sources.flags = {{.key = "queue.length", .value = "40", .flag = "--queue"},
                   {.key = "server.listen", .value = "127.0.0.1:1", .flag = "--listen"},
                   {.key = "server.listen", .value = "[::1]:2", .flag = "--listen"}};
  const Settings settings =
      good("[queue]\nlength = 20\nslots = 3\n[server]\nlisten = ['127.0.0.1:9']\n", sources);
  EXPECT_EQ(settings.queue.length, 40U);
  EXPECT_EQ(settings.source_of("queue.length"), "--queue");
  EXPECT_EQ(settings.queue.slots, 3U);
  EXPECT_EQ(settings.source_of("queue.slots"), "r.toml:3");
  EXPECT_EQ(settings.run.largest.get(Limit::cpu_time), 20'000'000U);
  EXPECT_EQ(settings.source_of("limits.run.largest.cpu_time"),
            "environment RETORT_LIMITS_RUN_LARGEST_CPU_TIME");
  EXPECT_EQ(settings.server.listen, (std::vector<std::string>{"127.0.0.1:1", "[::1]:2"}));
}

TEST(Settings, EveryFaultIsToldAtOnceWithItsPlace) {
  SettingSources sources;
  sources.environment = {{"RETORT_QUEUE_LENGHT", "1"}, {"RETORT_HTTP_CONNECTIONS", "many"}};
  sources.flags = {{.key = "queue.lenght", .value = "1", .flag = "--set"},
                   {.key = "queue.wait", .value = "5", .flag = "--set"}};
  EXPECT_EQ(
      faults("[quue]\n"
             "[queue]\n"
             "lenght = 1\n"
             "length = '5'\n"
             "bytes = '1B'\n"
             "slots = true\n"
             "wait = 5\n"
             "[server]\n"
             "require_keys = 'yes'\n"
             "listen = '127.0.0.1:80'\n"
             "[log]\n"
             "level = 'loud'\n"
             "[limits.run.largest]\n"
             "memory = '2TiB'\n"
             "processes = -1\n",
             sources),
      "r.toml:1:2: quue: unknown key; did you mean 'queue'?\n"
      "r.toml:3:1: queue.lenght: unknown key; did you mean 'length'?\n"
      "r.toml:4:10: queue.length: must be a whole number without quotes, not text\n"
      "r.toml:5:9: queue.bytes: '1B' must be 1KiB to 1TiB\n"
      "r.toml:6:9: queue.slots: must be a whole number without quotes, or \"auto\", not a "
      "boolean\n"
      "r.toml:7:8: queue.wait: must be text with a unit, for example \"1.5s\", not an integer\n"
      "r.toml:9:16: server.require_keys: must be true or false, or \"auto\", not text\n"
      "r.toml:10:10: server.listen: must be an array of text, not text\n"
      "r.toml:12:9: log.level: 'loud' is none of debug, info, warning, error\n"
      "r.toml:14:10: limits.run.largest.memory: memory 2TiB is outside its bounds 4MiB to "
      "1TiB\n"
      "r.toml:15:13: limits.run.largest.processes: '-1' is not a whole number\n"
      "environment RETORT_HTTP_CONNECTIONS: 'many' is not a whole number\n"
      "environment RETORT_QUEUE_LENGHT: unknown setting; did you mean "
      "'RETORT_QUEUE_LENGTH'?\n"
      "--set: unknown setting 'queue.lenght'; did you mean 'queue.length'?\n"
      "--set: queue.wait: '5' has no unit; write for example 2s or 250ms");
}

TEST(Settings, ADefaultOutsideItsBoundsIsNamedWithTheBound) {
  EXPECT_EQ(
      faults("[limits.run.largest]\nmemory = '1GiB'\n[limits.run.default]\nmemory = '2GiB'\n"),
      "limits.run.default.memory (2GiB, r.toml:4) is above limits.run.largest.memory (1GiB, "
      "r.toml:2)");
  EXPECT_EQ(faults("[limits.run.default]\nmemory = '3GiB'\n"),
            "limits.run.default.memory (3GiB, r.toml:2) is above limits.run.largest.memory (2GiB, "
            "default)");
  EXPECT_EQ(faults("[limits.run.smallest]\ncpu_time = '2min'\n"),
            "limits.run.smallest.cpu_time (2min, r.toml:2) is above limits.run.largest.cpu_time "
            "(1min, default)");
  EXPECT_EQ(faults("[runtimes.java.run.default]\nmemory = '3GiB'\n"),
            "runtimes.java.run.default.memory (3GiB, r.toml:2) is above limits.run.largest.memory "
            "(2GiB, default)");
}

TEST(Settings, ABuiltInDefaultGivesWayToABound) {
  const Settings settings =
      good("[limits.run.largest]\ncpu_time = '5s'\n[limits.run.smallest]\nmemory = '1GiB'\n");
  EXPECT_EQ(settings.run.defaults.get(Limit::cpu_time), 5'000'000U);
  EXPECT_EQ(settings.source_of("limits.run.default.cpu_time"),
            "default, moved to limits.run.largest.cpu_time");
  EXPECT_EQ(settings.run.defaults.get(Limit::memory), (1_GiB).bytes());
}

TEST(Settings, NobodyIsLetInFromBeyondThisMachineByChance) {
  const std::string open = "[server]\nlisten = ['0.0.0.0:8080']\n";
  EXPECT_TRUE(good(open).requires_keys());
  EXPECT_FALSE(good(open + "allow_anonymous = true\n").requires_keys());
  EXPECT_TRUE(faults(open + "require_keys = false\n").contains("server.allow_anonymous = true"));
  EXPECT_TRUE(
      faults("[server]\nrequire_keys = true\nallow_anonymous = true\n").contains("contradicts"));
  EXPECT_TRUE(faults("[server]\nallowed_origins = ['*']\n").contains("every web page"));
  EXPECT_EQ(faults("[server]\nallowed_origins = ['*']\nrequire_keys = true\n"), "");
  EXPECT_TRUE(faults("[metrics]\nlisten = '0.0.0.0:9'\n").contains("metrics.public"));
  EXPECT_TRUE(faults("[server]\nlisten = []\n").contains("nothing to listen on"));
}

TEST(Settings, AHostHeaderIsNoNameThatSomebodyElseCanPointHere) {
  const Settings closed = good("[server]\nallowed_hosts = ['Retort.example.org', 'b:81']\n");
  for (const std::string_view host : {"localhost",
                                      "LOCALHOST:8080",
                                      "127.0.0.1:8080",
                                      "[::1]:8080",
                                      "[::1]",
                                      "10.0.0.9",
                                      "retort.example.org",
                                      "retort.example.org:443",
                                      "b:81"}) {
    EXPECT_TRUE(closed.allows_host(host)) << host;
  }
  for (const std::string_view host : {"",
                                      "evil.example.org",
                                      "localhost.evil.org",
                                      "retort.example.org.evil.org",
                                      "b",
                                      "b:82",
                                      "127.0.0.1.evil.org",
                                      "[::1",
                                      "localhost:",
                                      "localhost:x",
                                      "127.0.0.1:80:80"}) {
    EXPECT_FALSE(closed.allows_host(host)) << host;
  }
  EXPECT_FALSE(good("").allows_host("any.example.org"));
  EXPECT_TRUE(good("[server]\nrequire_keys = true\n").allows_host("any.example.org"))
      << "a page that has no key can do nothing";
}

TEST(Settings, AnOriginIsAllowedWhenItIsListed) {
  EXPECT_FALSE(good("").allows_origin("https://a.org"));
  const Settings listed = good("[server]\nallowed_origins = ['https://a.org']\n");
  EXPECT_TRUE(listed.allows_origin("https://a.org"));
  EXPECT_FALSE(listed.allows_origin("http://a.org"));
  EXPECT_FALSE(listed.allows_origin("null"));
  EXPECT_TRUE(good("[server]\nallowed_origins = ['*']\nrequire_keys = true\n").allows_origin("x"));
}

TEST(Settings, AnAddressIsANumberAndAPort) {
  for (const auto& [text, loopback] :
       std::initializer_list<std::pair<std::string_view, bool>>{{"127.0.0.1:80", true},
                                                                {"127.9.9.9:80", true},
                                                                {"[::1]:80", true},
                                                                {"0.0.0.0:80", false},
                                                                {"[::]:80", false},
                                                                {"10.0.0.1:0", false},
                                                                {"[::ffff:127.0.0.1]:80", false}}) {
    const auto address = parse_listen(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->is_loopback, loopback) << text;
  }
  for (const std::string_view text : {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:99999",
                                      "127.0.0.1:8x",
                                      "localhost:80",
                                      "*:80",
                                      "::1:80",
                                      "[::1]",
                                      "[1.2.3.4]:80",
                                      "127.1:80",
                                      "127.0.0.1:-1"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(Settings, TextsAreCheckedForWhatTheyMean) {
  EXPECT_TRUE(faults("[server]\nstate = 'here'\n").contains("no absolute path (r.toml:2)"));
  EXPECT_TRUE(faults("[server]\nallowed_origins = ['https://a/b']\n").contains("no origin"));
  EXPECT_TRUE(faults("[server]\nallowed_hosts = ['a b']\n").contains("no host name"));
  EXPECT_TRUE(faults("[jobs]\nenv = ['LD_PRELOAD']\n").contains("'LD_PRELOAD'"));
  EXPECT_TRUE(faults("[jobs]\nenv = ['A-B']\n").contains("'A-B'"));
  EXPECT_TRUE(faults("[server]\nuser = \"a\\u0007\"\n").contains("control character"));
}

TEST(Settings, WebhooksAreNotCalledWithoutASecret) {
  EXPECT_EQ(faults("[webhooks]\nenabled = true\n"),
            "webhooks.enabled (true, r.toml:2) needs webhooks.secret_file, the file of a secret to "
            "sign results with: openssl rand -hex 32");
  EXPECT_EQ(faults("[webhooks]\nenabled = true\nsecret_file = '/etc/retort/webhooks'\n"), "");
  EXPECT_EQ(faults("[webhooks]\nenabled = false\n"), "");
}

TEST(Settings, VariablesOfARequestAreThoseOfTheList) {
  const Settings open = good("");
  EXPECT_TRUE(open.allows_variable("HOME_2"));
  EXPECT_TRUE(open.allows_variable("LDX"));
  for (const std::string_view name :
       {"", "A=B", "2A", "LD_PRELOAD", "LD_", "GCONV_PATH", "GLIBC_TUNABLES", "A B", "\xC3\xA4"}) {
    EXPECT_FALSE(open.allows_variable(name)) << name;
  }
  const Settings closed = good("[jobs]\nenv = ['LANG', 'LC_*']\n");
  EXPECT_TRUE(closed.allows_variable("LANG"));
  EXPECT_TRUE(closed.allows_variable("LC_ALL"));
  EXPECT_FALSE(closed.allows_variable("LANGUAGE"));
  EXPECT_FALSE(closed.allows_variable("HOME"));
  EXPECT_FALSE(good("[jobs]\nenv = []\n").allows_variable("LANG"));
}

TEST(Settings, DefaultsOfAStageComeFromTheNearestThatSaysSo) {
  const Settings settings = good(
      "[limits.run.default]\nprocesses = 32\ncpu_time = '7s'\nwall_time = '8s'\n"
      "[runtimes.cpp.run.default]\nwall_time = '9s'\n");
  const LimitLayers layers = settings.limit_layers(runtime::StageKind::run, cpp());
  EXPECT_EQ(layers.defaults.processes, 64U) << "the manifest's own goes over the general one";
  EXPECT_EQ(layers.defaults.cpu_time, Duration(7'000'000)) << "where the manifest is silent";
  EXPECT_EQ(layers.defaults.wall_time, Duration(9'000'000)) << "the operator's for this runtime";
  EXPECT_EQ(layers.defaults.memory, 512_MiB);
  EXPECT_FALSE(layers.defaults.stack);
}

TEST(Settings, ABoundForOneRuntimeReplacesTheGeneralOne) {
  const Settings settings = good(
      "[limits.run.largest]\nmemory = '1GiB'\ncpu_time = '10s'\n"
      "[runtimes.cpp]\nenabled = false\n[runtimes.cpp.run.largest]\nmemory = '2GiB'\n");
  LimitValues request;
  request.set(Limit::memory, (2_GiB).bytes());
  const auto granted = merge_limits(settings.limit_layers(runtime::StageKind::run, cpp()), request);
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->memory, 2_GiB);
  request.set(Limit::memory, (2_GiB).bytes() + 1);
  request.set(Limit::cpu_time, 10'000'001);
  const auto refused = merge_limits(settings.limit_layers(runtime::StageKind::run, cpp()), request);
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().size(), 2U);
  EXPECT_EQ(refused.error()[0].what,
            "cpu_time_us is 10000001; this server allows at most 10000000");
  EXPECT_EQ(refused.error()[1].what,
            "memory_bytes is 2147483649; this server, for cpp, allows at most 2147483648");
  auto java = cpp();
  java.id = "java";
  request = {};
  request.set(Limit::memory, (2_GiB).bytes());
  EXPECT_FALSE(merge_limits(settings.limit_layers(runtime::StageKind::run, java), request));
  EXPECT_FALSE(settings.is_enabled("cpp"));
  EXPECT_TRUE(settings.is_enabled("java"));
}

TEST(Settings, WhatIsAutomaticFollowsTheMachine) {
  const Machine machine{.processors = 6, .memory = 2_GiB};
  Settings settings = good("");
  ASSERT_TRUE(fit_to_machine(settings, machine));
  EXPECT_EQ(settings.queue.slots, 6U);
  EXPECT_EQ(settings.queue.memory, ByteSize::of_bytes((2_GiB).bytes() / 4 * 3));
  EXPECT_EQ(settings.run.largest.get(Limit::memory), settings.queue.memory->bytes());
  EXPECT_EQ(settings.source_of("limits.run.largest.memory"), "default, moved to queue.memory");
  EXPECT_LE(*settings.compile.defaults.get(Limit::memory), settings.queue.memory->bytes());

  Settings given =
      good("[queue]\nslots = 2\nmemory = '1GiB'\n[limits.run.largest]\nmemory = '2GiB'\n");
  const Status status = fit_to_machine(given, machine);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what,
            "limits.run.largest.memory (2GiB, r.toml:5) is above queue.memory (1GiB, r.toml:3): "
            "such a job could never run");
}

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "retort_machine_XXXXXX";
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
  }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(MachineTest, HasTheMemoryThatTheKernelTells) {
  const auto machine = measure_machine(root_);
  ASSERT_TRUE(machine) << machine.error().what;
  EXPECT_EQ(machine->memory, 8_GiB);
  EXPECT_GE(machine->processors, 1U);
}

TEST_F(MachineTest, ObeysTheSmallestLimitOfItsGroupsInVersion2) {
  put("/proc/self/cgroup", "0::/a/b\n");
  put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  put("/sys/fs/cgroup/a/memory.max", "1073741824\n");
  put("/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  const auto machine = measure_machine(root_);
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->memory, 1_GiB);
  EXPECT_EQ(machine->processors, 1U);
}

TEST_F(MachineTest, ObeysVersion1AlsoWhenItsOwnPathIsNotToBeSeen) {
  put("/proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const auto machine = measure_machine(root_);
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->memory, 512_MiB);
}

TEST(SettingKeys, EveryDefaultIsReadBackFromItsOwnText) {
  const Settings defaults = good("");
  std::string toml;
  std::set<std::string> seen;
  for (const SettingKey& key : setting_keys()) {
    EXPECT_TRUE(seen.insert(key.dotted()).second) << key.dotted();
    EXPECT_FALSE(key.meaning.empty()) << key.dotted();
    EXPECT_FALSE(table_meaning(key.table).empty()) << key.table;
    if (key.dotted().ends_with(".default.stack")) continue;  // it has none: it follows memory
    toml += key.dotted() + " = " + value_text(defaults, key) + "\n";
  }
  const Settings again = good(toml);
  for (const SettingKey& key : setting_keys()) {
    EXPECT_EQ(value_text(again, key), value_text(defaults, key)) << key.dotted();
  }
}

TEST(SettingKeys, EveryScalarCanBeSetByItsVariable) {
  const Settings defaults = good("");
  for (const SettingKey& key : setting_keys()) {
    std::string value = value_text(defaults, key);
    if (value == "\"\"" || value == "[]") continue;
    if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
    if (value.starts_with('[')) value = value.substr(2, value.size() - 4);
    SettingSources sources;
    sources.environment = {{key.variable(), value}};
    const Settings settings = good("", sources);
    EXPECT_EQ(value_text(settings, key), value_text(defaults, key)) << key.dotted();
    EXPECT_EQ(settings.source_of(key.dotted()), "environment " + key.variable());
  }
}

TEST(SettingKeys, AReloadChangesOnlyWhatItCan) {
  const Settings running = good("[queue]\nlength = 5\n[server]\nlisten = ['127.0.0.1:1']\n");
  Settings fresh = good("[queue]\nlength = 6\n[server]\nlisten = ['127.0.0.1:2']\n");
  EXPECT_EQ(keep_until_restart(running, fresh), std::vector<std::string>{"server.listen"});
  EXPECT_EQ(shown(fresh, "server.listen"), "[\"127.0.0.1:1\"]");
  EXPECT_EQ(fresh.source_of("server.listen"), "r.toml:4");
  EXPECT_EQ(shown(fresh, "queue.length"), "6");
}

TEST(SettingFiles, RootAndOthersHaveTheirOwn) {
  SettingSources user;
  user.environment = {{"HOME", "/home/u"}};
  EXPECT_EQ(default_state(user), "/home/u/.local/state/retort");
  user.environment["XDG_STATE_HOME"] = "relative";
  EXPECT_EQ(default_state(user), "/home/u/.local/state/retort");
  user.environment["XDG_STATE_HOME"] = "/s";
  EXPECT_EQ(default_state(user), "/s/retort");
  SettingSources root = user;
  root.is_root = true;
  EXPECT_EQ(default_state(root), "/var/lib/retort");

  std::string folder = testing::TempDir() + "retort_settings_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  fs::create_directories(folder + "/retort");
  std::ofstream(folder + "/retort/retort.toml") << "[queue]\nlength = 7\n";
  user.environment["XDG_CONFIG_HOME"] = folder;
  EXPECT_EQ(default_config_file(user), folder + "/retort/retort.toml");
  const auto settings = load_settings(user);
  ASSERT_TRUE(settings) << settings.error().what;
  EXPECT_EQ(settings->queue.length, 7U);
  EXPECT_EQ(settings->file, folder + "/retort/retort.toml");
  user.config = folder + "/none.toml";
  EXPECT_FALSE(load_settings(user)) << "a file that was named must be there";
  fs::remove_all(folder);
}

}  // namespace
}  // namespace retort::api
