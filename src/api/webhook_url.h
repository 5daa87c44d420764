// Webhook URL: where a result may be announced, judged by its text alone; what a name resolves to
// is judged when the call is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace retort::api {

constexpr std::size_t kLongestWebhook = 2048;

struct WebhookUrl {
  bool is_https = false;
  std::string host;  // a name in lower case, or an address; of IPv6 without brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, as they are sent: "/hook?x=1"
};

// http://HOST[:PORT][/PATH][?QUERY] or https://…, of printable ASCII (RFC 3986); without user or
// password, which would be kept and shown, and without a fragment, which is never sent.
// Fault::invalid says what is wrong, and quotes nothing.
base::Result<WebhookUrl> parse_webhook_url(std::string_view text);

}  // namespace retort::api
