// Tests of log.h: one line an event, whatever a stranger put into a value; and no secrets.
#include "api/log.h"

#include <algorithm>
#include <regex>
#include <sstream>
#include <type_traits>

#include <gtest/gtest.h>

#include "text/json.h"

namespace retort::api {
namespace {

class LogTest : public testing::Test {
 protected:
  // What one call writes, without its time.
  template <typename Call>
  std::string line(LogFormat format, Call call, LogLevel level = LogLevel::info) {
    stream_.str("");
    Log log({.format = format, .level = level, .stream = &stream_});
    call(log);
    std::string text = stream_.str();
    if (text.empty()) return text;
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
    EXPECT_TRUE(text.ends_with('\n'));
    return std::regex_replace(text.substr(0, text.size() - 1),
                              std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"),
                              "TIME");
  }
  text::json::object json(std::string_view value) {
    const std::string text =
        line(LogFormat::json, [&](Log& log) { log.info("seen", {{"value", value}}); });
    const auto parsed = text::parse_json(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? parsed->as_object() : text::json::object{};
  }
  std::ostringstream stream_;
};

TEST_F(LogTest, WritesFieldsOfEveryType) {
  const auto call = [](Log& log) {
    log.info("job ended",
             {{"job", "4f2a"},
              {"message", std::string("a b")},
              {"ok", true},
              {"exit_code", -1},
              {"files", std::size_t{3}},
              {"wall_us", base::Duration(1500)},
              {"memory_bytes", base::ByteSize::of_bytes(4096)},
              {"load", 0.5},
              {"empty", ""},
              {"error", base::Error{base::Fault::internal, "openat x: EIO", 5}}});
  };
  EXPECT_EQ(
      line(LogFormat::text, call),
      "TIME info job ended job=4f2a message=\"a b\" ok=true exit_code=-1 files=3 wall_us=1500 "
      "memory_bytes=4096 load=0.5 empty=\"\" error=\"openat x: EIO\"");
  EXPECT_EQ(line(LogFormat::json, call),
            R"({"time":"TIME","level":"info","event":"job ended","job":"4f2a","message":"a b",)"
            R"("ok":true,"exit_code":-1,"files":3,"wall_us":1500,"memory_bytes":4096,"load":0.5,)"
            R"("empty":"","error":"openat x: EIO"})");
}

TEST_F(LogTest, AValueCannotBecomeALineAFieldOrATerminalsOrder) {
  const auto text = [&](std::string_view value) {
    return line(LogFormat::text, [&](Log& log) { log.info("seen", {{"value", value}}); });
  };
  EXPECT_EQ(text("a\nTIME error fake"), "TIME info seen value=\"a\\x0aTIME error fake\"");
  EXPECT_EQ(text("x job=4f2a"), "TIME info seen value=\"x job=4f2a\"");
  EXPECT_EQ(text("x\" job=\"y"), R"(TIME info seen value="x\" job=\"y")");
  EXPECT_EQ(text("\\\" a=b"), R"(TIME info seen value="\\\" a=b")");
  EXPECT_EQ(text("\x1b[2J"), "TIME info seen value=\"\\x1b[2J\"");
  EXPECT_EQ(text("\xC2\x9B"
                 "2J"),
            "TIME info seen value=\"\\xc2\\x9b2J\"");
  EXPECT_EQ(text("\xFF"), "TIME info seen value=\"\\xff\"");
  EXPECT_EQ(text("{} {:n} %v"), "TIME info seen value=\"{} {:n} %v\"");
}

TEST_F(LogTest, EveryByteGivesSoundJsonWithTheSameFields) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value = {'a', static_cast<char>(byte), '"', ',', '\\'};
    const auto object = json(value);
    ASSERT_EQ(object.size(), 4U) << byte;
    EXPECT_TRUE(object.at("value").is_string());
  }
  EXPECT_EQ(json("a\xC3\xA4").at("value"), "a\xC3\xA4");
}

TEST_F(LogTest, ALongValueIsCutBetweenCharacters) {
  const std::string huge(100'000, 'x');
  const std::string text =
      line(LogFormat::text, [&](Log& log) { log.info("seen", {{"value", huge}}); });
  EXPECT_LT(text.size(), kLongestValue + 100);
  EXPECT_TRUE(text.contains("...(100000 bytes)"));
  // Two bytes a character, so that the cut would fall into one.
  std::string odd = "x";
  for (int i = 0; i < 400; ++i) odd += "\xC3\xA4";
  EXPECT_FALSE(std::string_view(json(odd).at("value").as_string()).contains("\\x"));
  // Nor is it longer than its escapes can make it.
  EXPECT_LT(json(std::string(100'000, '\x01')).at("value").as_string().size(),
            4 * kLongestValue + 100);
}

TEST_F(LogTest, ASecretIsNeverWritten) {
  const Secret secret("hunter2hunter2hunter2");
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    const std::string text =
        line(format, [&](Log& log) { log.error("refused", {{"key", secret}}); });
    EXPECT_TRUE(text.contains("[redacted]")) << text;
    EXPECT_FALSE(text.contains("hunter2")) << text;
  }
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
}

TEST_F(LogTest, WhatIsBelowTheLevelIsNotWrittenAndNotLookedAt) {
  const auto call = [](Log& log) {
    log.debug("no");
    log.info("no");
    log.warning("yes");
    EXPECT_FALSE(log.is_on(LogLevel::info));
    log.set_level(LogLevel::error);
    log.warning("no");
  };
  EXPECT_EQ(line(LogFormat::text, call, LogLevel::warning), "TIME warning yes");
}

TEST(LogNames, AreThoseOfTheSettings) {
  for (const LogLevel level :
       {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    EXPECT_EQ(find_level(level_name(level)), level);
  }
  EXPECT_FALSE(find_level("loud"));
  EXPECT_EQ(find_format("json"), LogFormat::json);
  EXPECT_FALSE(find_format("xml"));
}

}  // namespace
}  // namespace retort::api
