// Webhook URL: the part of RFC 3986 that a call needs.
#include "api/webhook_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace retort::api {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kLongestHost = 253;  // RFC 1035, as text

Error invalid(std::string_view why) {
  return Error{Fault::invalid, std::string(why), 0};
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// Characters that no part of a URI has as they are.
bool is_of_uri(char c) {
  constexpr std::string_view kForbidden = "\"<>\\^`{|}";
  return c > ' ' && c < 0x7F && !kForbidden.contains(c);
}

Status put_host(WebhookUrl& url, std::string_view host) {
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return invalid("must have a host: '[' without its ']'");
    url.host = host.substr(1, host.size() - 2);
    in6_addr address{};
    if (::inet_pton(AF_INET6, url.host.c_str(), &address) != 1) {
      return invalid("must have an IPv6 address in brackets");
    }
    return {};
  }
  url.host = lowered(host);
  if (url.host.empty()) return invalid("must have a host");
  if (url.host.size() > kLongestHost || !std::ranges::all_of(url.host, is_of_name)) {
    return invalid("must have a host of a-z, 0-9, '-', '_' and '.', others in their xn-- form");
  }
  return {};
}

Status put_authority(WebhookUrl& url, std::string_view authority) {
  if (authority.contains('@')) return invalid("must not have a user or a password");
  url.port = url.is_https ? 443 : 80;
  const std::size_t end = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t colon = end == std::string_view::npos ? end : authority.find(':', end);
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    const auto [stop, ec] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (ec != std::errc{} || stop != port.data() + port.size() || url.port == 0) {
      return invalid("must have a port of 1 to 65535 after the ':'");
    }
  }
  return put_host(url, authority.substr(0, colon));
}

}  // namespace

Result<WebhookUrl> parse_webhook_url(std::string_view text) {
  if (text.size() > kLongestWebhook) {
    return invalid("must be at most " + std::to_string(kLongestWebhook) + " bytes long");
  }
  WebhookUrl url;
  const std::string scheme = lowered(text.substr(0, 8));
  std::size_t start = 0;
  if (scheme.starts_with("https://")) {
    url.is_https = true;
    start = 8;
  } else if (scheme.starts_with("http://")) {
    start = 7;
  } else {
    return invalid("must begin with http:// or https://");
  }
  if (!std::ranges::all_of(text, is_of_uri)) {
    return invalid("must be of printable ASCII without spaces; others are written as %XX");
  }
  if (text.contains('#')) return invalid("must not have a fragment ('#')");
  const std::string_view rest = text.substr(start);
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  RETORT_CHECK(put_authority(url, rest.substr(0, end)));
  const std::string_view target = rest.substr(end);
  if (!target.starts_with('/')) url.target = "/";
  url.target += target;
  return url;
}

}  // namespace retort::api
