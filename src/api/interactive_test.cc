// Tests of interactive.h: where characters end.
#include "api/interactive.h"

#include <string>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

TEST(UnfinishedCharacter, IsWhatMoreBytesCouldComplete) {
  EXPECT_EQ(unfinished_character(""), 0U);
  EXPECT_EQ(unfinished_character("abc"), 0U);
  const std::string text = "a\xc3\xa9\xe2\x98\x83\xf0\x9d\x84\x9e";  // of 1, 2, 3 and 4 bytes
  const std::string begun = "0010120123";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    const std::size_t next = size == text.size() ? 0 : static_cast<std::size_t>(begun[size] - '0');
    EXPECT_EQ(unfinished_character(std::string_view(text).substr(0, size)), next) << size;
  }
}

TEST(UnfinishedCharacter, IsNothingOfBytesThatAreNoCharacter) {
  EXPECT_EQ(unfinished_character("\x80"), 0U);
  EXPECT_EQ(unfinished_character("\x80\x80\x80\x80\x80"), 0U);
  EXPECT_EQ(unfinished_character("\xc3\xa9\x80"), 0U);
  EXPECT_EQ(unfinished_character(std::string(100, '\xbf')), 0U);
}

}  // namespace
}  // namespace retort::api
