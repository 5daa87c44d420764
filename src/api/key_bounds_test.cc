// Tests of key_bounds.h: what is written is read back, and what cannot be a bound is refused.
#include "api/key_bounds.h"

#include <gtest/gtest.h>

namespace retort::api {
namespace {

std::string faults(std::string_view text) {
  const auto bounds = parse_key_bounds(text);
  return bounds ? "" : bounds.error().what;
}

TEST(KeyBounds, AreReadBackAsTheyWereWritten) {
  for (const char* const text :
       {"{}",
        R"({"run":{"largest":{"cpu_time_us":1000000,"network":"none"}}})",
        R"({"run":{"largest":{"memory_bytes":67108864},"smallest":{"memory_bytes":8388608}},)"
        R"("compile":{"smallest":{"processes":4}}})"}) {
    const auto bounds = parse_key_bounds(text);
    ASSERT_TRUE(bounds) << text << bounds.error().what;
    EXPECT_EQ(bounds_json(*bounds), text);
  }
}

TEST(KeyBounds, EmptyPartsAreNoBounds) {
  const auto bounds = parse_key_bounds(R"({"run":{},"compile":{"largest":{},"smallest":{}}})");
  ASSERT_TRUE(bounds);
  EXPECT_EQ(bounds_json(*bounds), "{}");
  EXPECT_TRUE(bounds->run.largest.empty());
}

TEST(KeyBounds, EachFaultIsToldAtItsPlace) {
  EXPECT_EQ(faults("[]"), ": must be an object, not an array");
  EXPECT_EQ(faults(R"({"rnu":{}})"), "/rnu: there is no field 'rnu' here; did you mean 'run'?");
  EXPECT_EQ(faults(R"({"run":{"most":{}}})"),
            "/run/most: there is no field 'most' here; known are largest, smallest");
  EXPECT_EQ(faults(R"({"run":{"largest":{"cpu_time":1}}})"),
            "/run/largest/cpu_time: 'cpu_time' is no limit; write cpu_time_us, a whole number");
  EXPECT_EQ(faults(R"({"run":{"largest":{"cpu_time_us":0},"smallest":{"memory_bytes":1}}})"),
            "/run/smallest/memory_bytes: memory_bytes is 1; Retort allows 4194304 to "
            "1099511627776\n"
            "/run/largest/cpu_time_us: cpu_time_us is 0; Retort allows 1000 to 86400000000");
  EXPECT_EQ(faults(R"({"compile":{"largest":{"processes":2},"smallest":{"processes":3}}})"),
            "/compile/smallest/processes: is above its largest");
  EXPECT_TRUE(faults("{").contains("line 1"));
}

}  // namespace
}  // namespace retort::api
