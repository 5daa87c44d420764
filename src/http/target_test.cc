// Target: what names a thing is decoded in one way, or refused.
#include "http/target.h"

#include <gtest/gtest.h>

namespace retort::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Target, IsAPathAndAQueryDecoded) {
  const auto target = parse_target("/v1/a%20b/c%2B%2B?x=1&y=a+b%26&flag&=e&&x=%C3%A9", "h");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/a b/c++");
  EXPECT_EQ(target->query, (Pairs{{"x", "1"}, {"y", "a b&"}, {"flag", ""}, {"", "e"}, {"x", "é"}}));
}

TEST(Target, MayBeAbsoluteWithTheHostOfHost) {
  const auto target = parse_target("HTTP://Example.org:80/a?b=c", "example.ORG:80");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a");
  EXPECT_EQ(target->query, (Pairs{{"b", "c"}}));
  EXPECT_EQ(parse_target("http://example.org", "example.org")->path, "/");
  EXPECT_EQ(parse_target("http://example.org?q", "example.org")->path, "/");
  for (const char* foreign : {"http://evil.org/",
                              "http://example.org:81/",
                              "http://u@example.org/",
                              "http:///",
                              "https://example.org/",
                              "http://example.org.evil/"})
    EXPECT_FALSE(parse_target(foreign, "example.org")) << foreign;
}

TEST(Target, IsRefusedWhenReadersCouldDiffer) {
  for (const char* target : {"",          "*",      "a",      "example.org:443",
                             "/a b",      "/a#b",   "/\x7f",  "/\xc3\xa9",
                             "/%",        "/%4",    "/%zz",   "/%00",
                             "/%0a",      "/a%2fb", "/a%2Fb", "/%c0%af",
                             "/%ff",      "/.",     "/..",    "/a/../b",
                             "/%2e%2e/b", "/a/.",   "/a/%2e", "/?a=%00",
                             "/?a=%",     "/?a=%ff"})
    EXPECT_FALSE(parse_target(target, "h")) << target;
}

TEST(Target, MayHaveDotsThatAreNoSegmentAndEmptySegments) {
  for (const char* target : {"/...", "/.well-known", "/a..b", "//", "/a//b", "/?a=../.."})
    EXPECT_TRUE(parse_target(target, "h")) << target;
}

TEST(Host, IsANameOrAnAddressWithAPort) {
  for (const char* host :
       {"a", "example.org", "example.org:8080", "127.0.0.1:1", "[::1]", "[::1]:8080", "a_b", "x:"})
    EXPECT_TRUE(is_host(host)) << host;
  for (const char* host : {"",
                           ":80",
                           "a b",
                           "u@h",
                           "a/b",
                           "a,b c",
                           "[::1",
                           "[]",
                           "[::1]x",
                           "h:port",
                           "h:123456",
                           "h\t",
                           "a\\b",
                           "http://h"})
    EXPECT_FALSE(is_host(host)) << host;
}

}  // namespace
}  // namespace retort::http
