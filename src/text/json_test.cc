// Tests of json.h: what is ambiguous is refused, with the place; what is bytes survives.
#include "text/json.h"

#include <string>

#include <gtest/gtest.h>

namespace retort::text {
namespace {

std::string refusal(std::string_view text) {
  const auto value = parse_json(text);
  if (value) return "accepted: " + compact(*value);
  EXPECT_EQ(value.error().fault, base::Fault::invalid);
  return value.error().what;
}

TEST(Json, ReadsWhatItWrites) {
  const std::string text =
      R"({"a":[1,-2,18446744073709551615,1.5E0,true,null,"é\n\u0000"],"b":{},"c":[],"":{"a":1}})";
  const auto value = parse_json(text);
  ASSERT_TRUE(value) << value.error().what;
  EXPECT_EQ(compact(*value), text);
  const auto again = parse_json(pretty(*value));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(*again, *value);
}

TEST(Json, RefusesAKeyGivenTwiceInOneObject) {
  EXPECT_EQ(refusal("{\"a\":1,\n  \"b\":2,\n  \"a\":3}"), "line 3, column 5: duplicate key 'a'");
  EXPECT_NE(refusal(R"({"x":{"k":1,"\u006b":2}})").find("duplicate key 'k'"), std::string::npos);
  EXPECT_NE(refusal(R"([{"":1,"":2}])").find("duplicate key ''"), std::string::npos);
  const std::string long_key(100'000, 'k');
  EXPECT_NE(refusal("{\"" + long_key + "\":1,\"" + long_key + "\":2}").find("duplicate key"),
            std::string::npos);
  // The same key in different objects is no duplicate.
  EXPECT_TRUE(parse_json(R"([{"k":{"k":1}},{"k":2}])"));
}

TEST(Json, RefusesWhatIsNotOneDocument) {
  EXPECT_EQ(refusal("{\"a\":1} x"), "line 1, column 9: extra data");
  EXPECT_EQ(refusal("{}{}"), "line 1, column 3: extra data");
  EXPECT_EQ(refusal("{\"a\":"), "line 1, column 6: incomplete JSON");
  EXPECT_EQ(refusal(""), "line 1, column 1: incomplete JSON");
  EXPECT_EQ(refusal("[1,]").substr(0, 18), "line 1, column 4: ");
  EXPECT_EQ(refusal("\n\n  [1 2]").substr(0, 18), "line 3, column 6: ");
  for (const char* text :
       {"{a:1}", "[1,]", "// c\n1", "'a'", "01", "+1", "NaN", "Infinity", "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
  EXPECT_TRUE(parse_json(" \t\r\n{} \n"));
}

TEST(Json, RefusesTextThatIsNotUnicode) {
  EXPECT_FALSE(parse_json("\"\xff\""));
  EXPECT_FALSE(parse_json("\"\xed\xa0\x80\""));
  EXPECT_FALSE(parse_json(R"("\ud800")"));
  EXPECT_FALSE(parse_json(R"("\udc00")"));
  EXPECT_FALSE(parse_json(std::string_view("\"a\0b\"", 5)));
  EXPECT_TRUE(parse_json(R"("\ud83d\ude00")"));
}

TEST(Json, RefusesNumbersThatADoubleCannotHold) {
  EXPECT_NE(refusal("[1e999]").find("beyond what a double holds"), std::string::npos);
  EXPECT_NE(refusal("-1" + std::string(400, '0')).find("beyond what a double holds"),
            std::string::npos);
  EXPECT_TRUE(parse_json("1e308"));
}

TEST(Json, NestsThirtyTwoDeepAndNoDeeper) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(32)));
  EXPECT_EQ(refusal(nested(33)),
            "line 1, column 33: more than 32 arrays and objects in each other");
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(Json, BytesBecomeTextOrBase64WithItsName) {
  json::object object;
  put_bytes(object, "stdout", "grüße\n");
  put_bytes(object, "stderr", "\xff\x00");
  put_bytes(object, "nul", std::string_view("a\0", 2));
  EXPECT_EQ(compact(object),
            R"({"stdout":"grüße\n","stderr":"/w==","stderr_encoding":"base64","nul":"a\u0000"})");
}

TEST(Json, PrettyIndentsByTwo) {
  const auto value = parse_json(R"({"a":[1,{"b":"x\"y"}],"e":[],"o":{}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(pretty(*value), R"({
  "a": [
    1,
    {
      "b": "x\"y"
    }
  ],
  "e": [],
  "o": {}
})");
  EXPECT_EQ(pretty(1), "1");
}

}  // namespace
}  // namespace retort::text
