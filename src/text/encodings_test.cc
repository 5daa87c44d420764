// Encodings: the vectors of RFC 4648, and what a strict reader refuses.
#include "text/encodings.h"

#include <gtest/gtest.h>

namespace retort::text {
namespace {

std::string every_byte() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(Hex, MatchesTheRfcVectorsInLowerCase) {
  EXPECT_EQ(hex(""), "");
  EXPECT_EQ(hex("foobar"), "666f6f626172");
  EXPECT_EQ(*parse_hex("666f6f626172"), "foobar");
  EXPECT_EQ(*parse_hex(hex(every_byte())), every_byte());
}

TEST(Hex, RefusesOddLengthCapitalsAndForeignCharacters) {
  for (const char* text : {"6", "666", "6F", "6g", " 66", "66 ", "0x66", "6\n"}) {
    const auto bytes = parse_hex(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().fault, base::Fault::invalid);
  }
}

// Section 10.
TEST(Base64, MatchesTheRfcVectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"},
                                                         {"\xFF\xFE", "//4="}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(*parse_base64(text), bytes);
  }
}

TEST(Base64Url, HasItsOwnAlphabetAndNoPadding) {
  EXPECT_EQ(base64url("\xFB\xFF\xFE"), "-__-");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(*parse_base64url("Zg"), "f");
  EXPECT_FALSE(parse_base64url("Zg=="));
  EXPECT_FALSE(parse_base64url("+//+"));
  EXPECT_FALSE(parse_base64("-__-"));
}

TEST(Base64, ReadsBackEveryByteAtEveryLength) {
  const std::string all = every_byte() + every_byte();
  for (std::size_t length = 0; length <= all.size(); ++length) {
    const std::string bytes = all.substr(all.size() - length);
    ASSERT_EQ(*parse_base64(base64(bytes)), bytes);
    ASSERT_EQ(*parse_base64url(base64url(bytes)), bytes);
  }
}

TEST(Base64, RefusesEveryOtherSpelling) {
  for (const char* text : {"Z",
                           "Zg",
                           "Zg=",
                           "Zh==",
                           "Zm9=",
                           "=",
                           "====",
                           "Zg==Zg==",
                           "Zm9v\n",
                           " Zm9v",
                           "Zm\n9",
                           "Zm9*",
                           "Zg===",
                           "A===",
                           "Z=g="}) {
    const auto bytes = parse_base64(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().fault, base::Fault::invalid);
  }
  for (const char* text : {"Z", "Zh", "Zm9", "Zm9vZ"}) EXPECT_FALSE(parse_base64url(text)) << text;
}

}  // namespace
}  // namespace retort::text
