// Tests of settings_page.h: what people read is what the server reads.
#include "api/settings_page.h"

#include <fstream>
#include <iterator>
#include <regex>

#include <gtest/gtest.h>

#include "api/setting_keys.h"
#include "api/settings_load.h"
#include "text/json.h"

namespace retort::api {
namespace {

std::string file(const std::string& path) {
  std::ifstream stream(RETORT_SOURCE_DIR "/" + path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

SettingSources root() {
  return {.config = {}, .environment = {}, .flags = {}, .is_root = true};
}

std::string values(const Settings& settings) {
  std::string all;
  for (const SettingKey& key : setting_keys()) {
    all += key.dotted() + " = " + value_text(settings, key) + "\n";
  }
  return all;
}

TEST(SettingsPage, TheReferenceListsTheKeysAsTheTableHasThem) {
  const std::string page = file("docs/reference/configuration.md");
  const std::size_t start = page.find("## `[server]`");
  ASSERT_NE(start, std::string::npos);
  const std::size_t end = page.find("\n## One runtime", start);
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(page.substr(start, end - start), settings_reference())
      << "put the output of `retort config reference` between the first paragraphs and the last";
}

TEST(SettingsPage, TheExampleFileIsWhatTheCommandPrints) {
  EXPECT_EQ(file("deploy/retort.toml"), settings_example())
      << "retort config example >deploy/retort.toml";
}

TEST(SettingsPage, TheExampleFileChangesNothingWithOrWithoutItsComments) {
  const auto defaults = parse_settings("", "none", root());
  ASSERT_TRUE(defaults);
  const auto as_it_is = parse_settings(settings_example(), "example.toml", root());
  ASSERT_TRUE(as_it_is) << as_it_is.error().what;
  EXPECT_EQ(values(*as_it_is), values(*defaults));

  std::string open = settings_example();
  open.resize(open.find("\n# One runtime"));
  open = std::regex_replace(open, std::regex("(^|\n)# ([a-z_]+ = )"), "$1$2");
  const auto set = parse_settings(open, "example.toml", root());
  ASSERT_TRUE(set) << set.error().what;
  EXPECT_EQ(values(*set), values(*defaults));
  std::size_t missing = 0;
  for (const SettingKey& key : setting_keys())
    missing += set->sources.contains(key.dotted()) ? 0 : 1;
  EXPECT_EQ(missing, 2U) << "the stacks, which follow memory";

  // The part on one runtime is sound as well.
  const std::string tail = settings_example().substr(settings_example().find("\n# [runtimes"));
  const auto runtime =
      parse_settings(std::regex_replace(tail, std::regex("\n# "), "\n"), "example.toml", root());
  ASSERT_TRUE(runtime) << runtime.error().what;
  EXPECT_TRUE(runtime->sources.contains("runtimes.java.run.default.memory"));
}

TEST(SettingsPage, WhatIsShownIsASettingsFile) {
  const auto settings = parse_settings(
      "[queue]\nslots = 3\n[server]\nstate = '/a \"b\"'\n[runtimes.java.run.largest]\nmemory = "
      "'3GiB'\n",
      "r.toml",
      root());
  ASSERT_TRUE(settings) << settings.error().what;
  const std::string shown = settings_text(*settings);
  EXPECT_TRUE(shown.contains("# r.toml:2\n")) << shown;
  const auto again = parse_settings(shown, "shown.toml", root());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(values(*again), values(*settings));
  EXPECT_EQ(again->runtimes.at("java").run.largest, settings->runtimes.at("java").run.largest);
}

TEST(SettingsPage, JsonHasNativeValues) {
  const auto settings = parse_settings("[queue]\nlength = 3\n", "r.toml", root());
  ASSERT_TRUE(settings);
  const auto json = text::parse_json(settings_json(*settings));
  ASSERT_TRUE(json);
  std::size_t found = 0;
  for (const auto& entry : json->as_array()) {
    const auto& row = entry.as_object();
    const std::string_view key = row.at("key").as_string();
    if (key == "queue.length") {
      EXPECT_EQ(row.at("value"), 3);
      EXPECT_EQ(row.at("source"), "r.toml:2");
      ++found;
    }
    if (key == "server.listen") found += row.at("value").is_array() ? 1U : 0U;
    if (key == "limits.run.default.stack") found += row.at("value").is_null() ? 1U : 0U;
  }
  EXPECT_EQ(found, 3U);
}

TEST(SettingsPage, HelpNamesEveryKey) {
  const std::string help = settings_help();
  for (const SettingKey& key : setting_keys()) {
    if (!key.table.starts_with("limits.")) EXPECT_TRUE(help.contains("  " + key.dotted() + " = "));
  }
}

}  // namespace
}  // namespace retort::api
