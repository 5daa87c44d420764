// Tests of offers.h and runtime_json.h: what can be had by which names, and what is told of it.
#include "api/offers.h"

#include <vector>

#include "api/key_bounds.h"
#include "api/request_test_support.h"
#include "api/runtime_json.h"

namespace retort::api {
namespace {

std::string found(const Offers& offers, std::string_view name, std::string_view version = "") {
  const auto offer = offers.find(name, version);
  if (offer) return (*offer)->entry->manifest.id;
  return std::string(name_of(offer.error().code)) +
         (offer.error().is_version ? " of the version" : "");
}

TEST(Offers, AreFoundByIdAndAliasInAnyCapitals) {
  const Kitchen kitchen;
  EXPECT_EQ(found(kitchen.offers, "snake"), "snake");
  EXPECT_EQ(found(kitchen.offers, "SN"), "snake");
  EXPECT_EQ(found(kitchen.offers, "Brew"), "brew");
  EXPECT_EQ(found(kitchen.offers, ""), "unknown_runtime");
  EXPECT_EQ(found(kitchen.offers, std::string(1U << 20U, 's')), "unknown_runtime");
}

TEST(Offers, AreFoundByAPrefixOfTheirVersionInWholeComponents) {
  const Kitchen kitchen;
  for (const char* const version : {"", "*", "3", "3.11", "3.11.2"}) {
    EXPECT_EQ(found(kitchen.offers, "snake", version), "snake") << version;
  }
  for (const char* const version : {"3.1", "2", "3.11.2.1", "3.12", "x"}) {
    EXPECT_EQ(found(kitchen.offers, "snake", version), "unknown_runtime of the version") << version;
  }
  EXPECT_EQ(found(kitchen.offers, "brew"), "brew");
  EXPECT_EQ(found(kitchen.offers, "brew", "1"), "unknown_runtime of the version")
      << "its version is not known";
}

TEST(Offers, WhatIsSwitchedOffIsNotThere) {
  const Kitchen kitchen;
  EXPECT_EQ(found(kitchen.offers, "hidden"), "unknown_runtime");
  EXPECT_EQ(found(kitchen.offers, "hid"), "unknown_runtime");
  std::vector<std::string> ids;
  for (const Offer& offer : kitchen.offers.all()) ids.push_back(offer.entry->manifest.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"absent", "brew", "broken", "snake"}));
  const auto missed = kitchen.offers.find("hiden", "");
  ASSERT_FALSE(missed);
  EXPECT_FALSE(missed.error().detail.contains("'hidden'")) << missed.error().detail;
}

TEST(Offers, WhatCannotBeRunIsToldApartFromWhatIsUnknown) {
  const Kitchen kitchen;
  EXPECT_EQ(found(kitchen.offers, "absent"), "runtime_unavailable");
  EXPECT_EQ(found(kitchen.offers, "broken"), "runtime_unavailable");
}

TEST(RuntimeJson, TellsLimitsAsARequestWouldMeetThem) {
  const Kitchen kitchen;
  const auto snake = kitchen.offers.find("snake", "");
  ASSERT_TRUE(snake);
  const auto bounds = parse_key_bounds(R"({"run":{"largest":{"cpu_time_us":3000}}})");
  ASSERT_TRUE(bounds);
  text::json::object object = runtime_json(**snake, kitchen.settings, &*bounds);
  const text::json::object limits = object.at("limits").as_object();
  object.erase("limits");
  EXPECT_EQ(text::compact(object),
            R"({"id":"snake","name":"Snake","aliases":["sn"],"extensions":["sn"],)"
            R"("version":"3.11.2","digest":"d1","available":true,"main":"main.sn",)"
            R"("compiles":false})");
  const auto limit = [&](const char* stage, const char* which, const char* name) {
    return text::compact(limits.at(stage).at(which).at(name));
  };
  EXPECT_EQ(limit("run", "largest", "cpu_time_us"), "3000");
  EXPECT_EQ(limit("run", "default", "cpu_time_us"), "3000");
  EXPECT_EQ(limit("run", "smallest", "cpu_time_us"), "1000");
  EXPECT_EQ(limit("run", "largest", "network"), "\"loopback\"");
  EXPECT_EQ(limit("compile", "largest", "cpu_time_us"), "120000000");
}

TEST(RuntimeJson, TellsNothingOfTheHost) {
  const Kitchen kitchen;
  for (const Offer& offer : kitchen.offers.all()) {
    const std::string text = text::compact(runtime_json(offer, kitchen.settings, nullptr));
    for (const char* const secret : {"/nowhere", "/usr", "kitchen", "toml"}) {
      EXPECT_FALSE(text.contains(secret)) << text;
    }
  }
}

}  // namespace
}  // namespace retort::api
