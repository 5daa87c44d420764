// Bytes: what is text, and what is made harmless.
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace retort::base {
namespace {

TEST(IsUtf8, FollowsRfc3629) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x98\x80"));
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
  for (const char* bytes : {"\x80",
                            "\xC3",
                            "\xC0\xAF",
                            "\xE0\x9F\x80",
                            "\xED\xA0\x80",
                            "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80",
                            "\xF8\x88\x80\x80\x80",
                            "ok\xFF"}) {
    EXPECT_FALSE(is_utf8(bytes)) << printable(bytes);
  }
}

TEST(Printable, LeavesTextAndEscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(printable("\x1b[2J\n\t"), "\\x1b[2J\\x0a\\x09");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");
  EXPECT_EQ(printable("a\\b\xFF"), "a\\\\b\\xff");
}

}  // namespace
}  // namespace retort::base
