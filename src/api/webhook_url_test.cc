// Tests of webhook_url.h: what is called is exactly what was written, and nothing odd is called.
#include "api/webhook_url.h"

#include <array>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

std::string parts(std::string_view text) {
  const auto url = parse_webhook_url(text);
  if (!url) return url.error().what;
  return std::string(url->is_https ? "https" : "http") + " " + url->host + " " +
         std::to_string(url->port) + " " + url->target;
}

struct Row {
  std::string_view url;
  std::string_view parts;
};

TEST(WebhookUrl, IsTakenApart) {
  constexpr std::array kRows = {
      Row{"https://example.org", "https example.org 443 /"},
      Row{"http://Example.ORG/Hook?Id=1", "http example.org 80 /Hook?Id=1"},
      Row{"HTTPS://example.org:8443?x", "https example.org 8443 /?x"},
      Row{"http://192.0.2.1:80/a", "http 192.0.2.1 80 /a"},
      Row{"http://[2001:db8::1]/a", "http 2001:db8::1 80 /a"},
      Row{"http://[2001:db8::1]:81/a:b", "http 2001:db8::1 81 /a:b"},
      Row{"http://xn--bcher-kva.example/", "http xn--bcher-kva.example 80 /"},
  };
  for (const Row& row : kRows) EXPECT_EQ(parts(row.url), row.parts) << row.url;
}

TEST(WebhookUrl, EachFaultIsSaid) {
  constexpr std::string_view kPort = "must have a port of 1 to 65535 after the ':'";
  constexpr std::string_view kName =
      "must have a host of a-z, 0-9, '-', '_' and '.', others in their xn-- form";
  constexpr std::string_view kAscii =
      "must be of printable ASCII without spaces; others are written as %XX";
  constexpr std::array kRows = {
      Row{"", "must begin with http:// or https://"},
      Row{"example.org/hook", "must begin with http:// or https://"},
      Row{"file:///etc/passwd", "must begin with http:// or https://"},
      Row{"gopher://example.org", "must begin with http:// or https://"},
      Row{"http:/example.org", "must begin with http:// or https://"},
      Row{"http://", "must have a host"},
      Row{"http:///x", "must have a host"},
      Row{"http://:80/x", "must have a host"},
      Row{"http://user@example.org", "must not have a user or a password"},
      Row{"http://user:word@example.org", "must not have a user or a password"},
      Row{"http://good.example@evil.example", "must not have a user or a password"},
      Row{"http://example.org#part", "must not have a fragment ('#')"},
      Row{"http://example.org:", kPort},
      Row{"http://example.org:0", kPort},
      Row{"http://example.org:65536", kPort},
      Row{"http://example.org:+80", kPort},
      Row{"http://example.org:80x", kPort},
      Row{"http://exa%6Dple.org", kName},
      Row{"http://a,b", kName},
      Row{"http://b\xC3\xBC"
          "cher.example",
          kAscii},
      Row{"http://example.org/a b", kAscii},
      Row{"http://example.org/\r\nHost: x", kAscii},
      Row{"http://example.org\\@evil.example", kAscii},
      Row{"http://[::1", "must have a host: '[' without its ']'"},
      Row{"http://[localhost]", "must have an IPv6 address in brackets"},
      Row{"http://[::1]x", "must have a host: '[' without its ']'"},
  };
  for (const Row& row : kRows) EXPECT_EQ(parts(row.url), row.parts) << row.url;
  EXPECT_EQ(parts("http://" + std::string(254, 'h')), kName);
  EXPECT_EQ(parts("http://h/" + std::string(kLongestWebhook, 'p')),
            "must be at most 2048 bytes long");
}

}  // namespace
}  // namespace retort::api
