// Tests of merge_limits.h and limits_json.h: a request within every bound is granted to the letter,
// outside one it is refused with that bound, and defaults move into the bounds.
#include "api/merge_limits.h"

#include <algorithm>
#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "api/limits_json.h"

namespace retort::api {
namespace {

using base::Duration;
using base::operator""_MiB;
using base::operator""_GiB;

LimitValues one(Limit limit, std::optional<std::uint64_t> value) {
  LimitValues values;
  if (value) values.set(limit, *value);
  return values;
}

LimitLayers layers_of(const LimitBounds& server, const LimitBounds& key) {
  LimitLayers layers;
  layers.bounds = {{.owner = "this server", .bounds = server},
                   {.owner = "this key", .bounds = key}};
  return layers;
}

std::string faults_of(const LimitLayers& layers, const LimitValues& request) {
  const auto merged = merge_limits(layers, request);
  if (merged) return "";
  std::string all;
  for (const LimitFault& fault : merged.error()) all.append(fault.what).append("\n");
  return all;
}

TEST(MergeLimits, WithoutBoundsAndRequestTheDefaultsComeOut) {
  for (const cell::Limits& defaults : {cell::Limits{}, cell::compile_defaults()}) {
    const auto merged = merge_limits({.bounds = {}, .defaults = defaults}, {});
    ASSERT_TRUE(merged);
    EXPECT_EQ(values_of(*merged), values_of(defaults));
    EXPECT_FALSE(merged->stack) << "a stack that nobody set follows memory";
  }
}

TEST(MergeLimits, SaysLimitValueBoundAndWhoseBoundItIs) {
  const auto layers = layers_of(
      {.smallest = one(Limit::memory, 8'388'608), .largest = one(Limit::cpu_time, 10'000'000)},
      {.smallest = {}, .largest = one(Limit::network, 0)});
  LimitValues request = one(Limit::cpu_time, 20'000'000);
  request.set(Limit::memory, 5'000'000);
  request.set(Limit::network, 1);
  request.set(Limit::processes, 0);
  EXPECT_EQ(faults_of(layers, request),
            "cpu_time_us is 20000000; this server allows at most 10000000\n"
            "memory_bytes is 5000000; this server allows at least 8388608\n"
            "processes is 0; Retort allows at least 1\n"
            "network is \"loopback\"; this key allows at most \"none\"\n");
}

TEST(MergeLimits, HoldsTheBuiltInBoundsOfEveryLimitToTheUnit) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const Limit limit = info.limit;
    EXPECT_EQ(faults_of({}, one(limit, smallest_of(limit))), "") << info.name;
    EXPECT_EQ(faults_of({}, one(limit, largest_of(limit))), "") << info.name;
    EXPECT_NE(faults_of({}, one(limit, largest_of(limit) + 1)), "") << info.name;
    if (smallest_of(limit) > 0) {
      EXPECT_NE(faults_of({}, one(limit, smallest_of(limit) - 1)), "") << info.name;
    }
    EXPECT_NE(faults_of({}, one(limit, INT64_MAX)), "") << info.name;
  }
}

TEST(MergeLimits, NoBoundIsWidenedByTheOneBelowIt) {
  const auto layers = layers_of({.smallest = {}, .largest = one(Limit::processes, 10)},
                                {.smallest = {}, .largest = one(Limit::processes, 20)});
  EXPECT_EQ(faults_of(layers, one(Limit::processes, 15)),
            "processes is 15; this server allows at most 10\n");
  const auto wide = layers_of({.smallest = {}, .largest = one(Limit::processes, 1'000'000)}, {});
  EXPECT_EQ(faults_of(wide, one(Limit::processes, 32'769)),
            "processes is 32769; Retort allows at most 32768\n");
}

// Every combination of presence and order of two layers' bounds, a default and a request, for every
// limit, against the rule in its plainest form.
TEST(MergeLimits, IsTheIntersectionOfAllBoundsForEveryCombination) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const Limit limit = info.limit;
    if (limit == Limit::network) continue;  // it has two values; see below
    const std::uint64_t unit = std::max<std::uint64_t>(smallest_of(limit), 1);
    const std::array<std::optional<std::uint64_t>, 4> choices = {
        std::nullopt, unit * 2, unit * 4, unit * 6};
    const std::array<std::uint64_t, 5> defaults = {unit, unit * 3, unit * 4, unit * 5, unit * 7};
    for (const auto& server_smallest : choices) {
      for (const auto& server_largest : choices) {
        for (const auto& key_smallest : choices) {
          for (const auto& key_largest : choices) {
            auto layers = layers_of(
                {.smallest = one(limit, server_smallest), .largest = one(limit, server_largest)},
                {.smallest = one(limit, key_smallest), .largest = one(limit, key_largest)});
            const std::uint64_t low = std::max(
                {smallest_of(limit), server_smallest.value_or(0), key_smallest.value_or(0)});
            const std::uint64_t high = std::min({largest_of(limit),
                                                 server_largest.value_or(UINT64_MAX),
                                                 key_largest.value_or(UINT64_MAX)});
            for (const std::uint64_t value : defaults) {
              apply(layers.defaults, one(limit, value));
              const auto unasked = merge_limits(layers, {});
              const auto asked = merge_limits(layers, one(limit, value));
              ASSERT_EQ(unasked.has_value(), low <= high) << info.name;
              ASSERT_EQ(asked.has_value(), low <= value && value <= high) << info.name;
              if (asked) ASSERT_EQ(values_of(*asked).get(limit), value) << info.name;
              if (unasked) {
                ASSERT_EQ(values_of(*unasked).get(limit), std::clamp(value, low, high))
                    << info.name;
                ASSERT_TRUE(cell::validate(*unasked));
              } else {
                ASSERT_EQ(asked.error().size(), 1U);
                ASSERT_TRUE(unasked.error().front().what.contains("has no possible value"));
              }
            }
          }
        }
      }
    }
  }
}

TEST(MergeLimits, TreatsNetworkAsOrdered) {
  const auto none = layers_of({.smallest = {}, .largest = one(Limit::network, 0)}, {});
  const auto merged = merge_limits(none, {});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->network, cell::Network::none) << "a default gives way to the bound";
  EXPECT_TRUE(merge_limits(none, one(Limit::network, 0)));
  EXPECT_FALSE(merge_limits(none, one(Limit::network, 1)));
  EXPECT_TRUE(merge_limits({}, one(Limit::network, 1)));
}

TEST(MergeLimits, TheStackFollowsTheMemoryThatComesOutWithinItsOwnBounds) {
  const auto small = merge_limits({}, one(Limit::memory, (64_MiB).bytes()));
  ASSERT_TRUE(small);
  EXPECT_EQ(small->effective_stack(), 64_MiB);
  const auto bounded =
      layers_of({.smallest = {}, .largest = one(Limit::stack, (256_MiB).bytes())}, {});
  const auto large = merge_limits(bounded, one(Limit::memory, (1_GiB).bytes()));
  ASSERT_TRUE(large);
  EXPECT_EQ(large->effective_stack(), 256_MiB);
  EXPECT_EQ(large->memory, 1_GiB);
}

TEST(MergeLimits, LayersThatExcludeEachOtherAreNamed) {
  const auto layers = layers_of({.smallest = {}, .largest = one(Limit::processes, 4)},
                                {.smallest = one(Limit::processes, 8), .largest = {}});
  EXPECT_EQ(faults_of(layers, {}),
            "processes has no possible value: this key allows at least 8, this server allows at "
            "most 4\n");
}

std::expected<LimitValues, LimitFaults> read(std::string_view json) {
  const auto value = text::parse_json(json);
  EXPECT_TRUE(value) << value.error().what;
  return read_limits_json(value->as_object());
}

std::string json_faults(std::string_view json) {
  const auto values = read(json);
  if (values) return "";
  std::string all;
  for (const LimitFault& fault : values.error()) all.append(fault.what).append("\n");
  return all;
}

TEST(LimitsJson, TakesWholeNumbersByTheirJsonNames) {
  const auto values = read(
      R"({"cpu_time_us":2000000,"memory_bytes":67108864,"processes":8,"network":"none","stack_bytes":9223372036854775807})");
  ASSERT_TRUE(values);
  EXPECT_EQ(values->get(Limit::cpu_time), 2'000'000U);
  EXPECT_EQ(values->get(Limit::memory), 67'108'864U);
  EXPECT_EQ(values->get(Limit::processes), 8U);
  EXPECT_EQ(values->get(Limit::network), 0U);
  EXPECT_EQ(values->get(Limit::stack), 9'223'372'036'854'775'807U);
  EXPECT_FALSE(values->get(Limit::wall_time));
}

TEST(LimitsJson, RefusesEverythingElseAllAtOnce) {
  EXPECT_EQ(json_faults(
                R"({"cpu_time_us":-1,"wall_time_us":1.5,"memory_bytes":9223372036854775808,
              "stack_bytes":18446744073709551616,"processes":"8","open_files":null,"output_bytes":1e3,
              "network":"host","cpu_time":1,"memory_byte":2})"),
            "cpu_time_us must not be negative: -1\n"
            "wall_time_us must be a whole number below 2^63, without fraction or exponent\n"
            "memory_bytes is beyond 2^63\n"
            "stack_bytes must be a whole number below 2^63, without fraction or exponent\n"
            "processes must be a whole number\n"
            "open_files must be a whole number\n"
            "output_bytes must be a whole number below 2^63, without fraction or exponent\n"
            "network 'host' is neither none nor loopback\n"
            "'cpu_time' is no limit; write cpu_time_us, a whole number\n"
            "'memory_byte' is no limit; did you mean 'memory_bytes'?\n");
}

TEST(LimitsJson, WhatItTakesIsHeldAgainstTheBoundsByTheMerge) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    if (info.limit == Limit::network) continue;
    const auto zero = read("{\"" + std::string(info.json) + "\":0}");
    ASSERT_TRUE(zero);
    // Nothing may be 0 but what means "none of it" when it is.
    EXPECT_EQ(merge_limits({}, *zero).has_value(), smallest_of(info.limit) == 0) << info.name;
    const auto huge = read("{\"" + std::string(info.json) + "\":4294967297}");
    ASSERT_TRUE(huge);
    // No count is cut to 32 bits: 2^32 + 1 processes are not one.
    const auto merged = merge_limits({}, *huge);
    EXPECT_EQ(merged.has_value(), largest_of(info.limit) >= 4'294'967'297U) << info.name;
  }
}

TEST(LimitValues, TextAndNumbersOfEveryLimitAgree) {
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    for (const std::string_view text : {info.smallest, info.largest}) {
      const auto value = parse_limit(info.limit, text);
      ASSERT_TRUE(value);
      EXPECT_EQ(parse_limit(info.limit, limit_text(info.limit, *value)).value_or(7), *value);
    }
  }
  EXPECT_EQ(limit_json(Limit::cpu_time, 2'000'000), "2000000");
  EXPECT_EQ(limit_json(Limit::network, 1), "\"loopback\"");
  EXPECT_FALSE(parse_limit(Limit::memory, "1B"));
}

}  // namespace
}  // namespace retort::api
