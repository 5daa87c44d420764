// Units: what people may write, and what must never pass as a limit.
#include "base/units.h"

#include <gtest/gtest.h>

namespace retort::base {
namespace {

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(*parse_duration("2s"), std::chrono::seconds(2));
  EXPECT_EQ(*parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(*parse_duration("100us"), std::chrono::microseconds(100));
  EXPECT_EQ(*parse_duration("2min"), std::chrono::minutes(2));
  EXPECT_EQ(*parse_duration("1h"), std::chrono::hours(1));
  EXPECT_EQ(*parse_duration("1.5 s"), std::chrono::milliseconds(1500));
}

TEST(ParseSize, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(*parse_size("64KiB"), 64_KiB);
  EXPECT_EQ(*parse_size("1.5 GiB"), ByteSize::of_bytes(3ULL << 29U));
  EXPECT_EQ(parse_size("256MB")->bytes(), 256'000'000U);
  EXPECT_EQ(parse_size("100B")->bytes(), 100U);
}

class Refused : public ::testing::TestWithParam<const char*> {};

TEST_P(Refused, AsDurationAndAsSize) {
  for (const auto fault :
       {parse_duration(GetParam()).error().fault, parse_size(GetParam()).error().fault}) {
    EXPECT_EQ(fault, Fault::invalid);
  }
}

INSTANTIATE_TEST_SUITE_P(Attack,
                         Refused,
                         ::testing::Values("",
                                           "5",
                                           "0",
                                           "-1",
                                           "-1s",
                                           "-1B",
                                           "+1s",
                                           "1e9s",
                                           "1e308",
                                           "NaN",
                                           "inf",
                                           "s",
                                           ".5s",
                                           "1.s",
                                           "1..5s",
                                           "1.2345678s",
                                           "1s ",
                                           " 1s",
                                           "1s1s",
                                           "1S",
                                           "1kib",
                                           "9223372036854775808s",
                                           "9223372036854775808B",
                                           "18446744073709551616TiB",
                                           "99999999999999999999999999h",
                                           "1.0000001B"));

TEST(ToText, IsReadBackAsTheSameValue) {
  for (const char* text : {"0us", "1us", "1500ms", "2s", "90s", "1h", "36h"}) {
    const Duration value = *parse_duration(text);
    EXPECT_EQ(*parse_duration(to_text(value)), value) << text;
  }
  for (const char* text : {"0B", "1B", "1000B", "4KiB", "1536MiB", "1TiB", "256MB"}) {
    const ByteSize value = *parse_size(text);
    EXPECT_EQ(*parse_size(to_text(value)), value) << text;
  }
  EXPECT_EQ(to_text(256_MiB), "256MiB");
  EXPECT_EQ(to_text(Duration(1'500'000)), "1500ms");
}

TEST(ParseCount, RefusesSignsFractionsAndWhatIsTooLarge) {
  EXPECT_EQ(*parse_count("64", 64), 64U);
  for (const char* text :
       {"65", "-1", "+1", "1.0", "1e1", "", " 1", "0x10", "99999999999999999999"}) {
    EXPECT_FALSE(parse_count(text, 64)) << text;
  }
}

}  // namespace
}  // namespace retort::base
