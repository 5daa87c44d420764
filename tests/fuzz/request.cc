// Request: the bytes of a client as a head and a chunked body, and what holds of each that is
// taken.
#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/ascii.h"
#include "http/request_parser.h"

namespace retort::http {
namespace {

using fuzz::require;

std::size_t count_of(const RequestHead& head, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(head.headers, [name](const Header& header) {
    return is_same_ignoring_case(header.name, name);
  }));
}

void check_head(const RequestParser& parser) {
  const RequestHead& head = parser.head();
  require(is_token(head.method), "a method is a token");
  require(head.path.starts_with('/'), "a path begins with '/'");
  require(std::ranges::none_of(head.path, is_control), "a path has no control character");
  require(base::is_utf8(head.path), "a path is UTF-8");
  require((head.path + "/").find("/../") == std::string::npos, "a path does not climb");
  for (const auto& [name, value] : head.query)
    require(base::is_utf8(name) && base::is_utf8(value), "a query is UTF-8");
  for (const Header& header : head.headers)
    require(is_token(header.name) && is_field_value(header.value), "a header is well-formed");
  require(count_of(head, "content-length") + count_of(head, "transfer-encoding") <= 1,
          "a body has one framing");
  require(count_of(head, "host") == 1 || parser.is_http_1_0(), "there is one Host");
}

// What the chunks decode to, and where they end; nothing when they are malformed or not whole.
struct Body {
  std::string bytes;
  std::size_t size = 0;
  bool operator==(const Body&) const = default;
};

std::optional<Body> decode(std::string_view head,
                           std::string_view raw,
                           std::size_t step,
                           std::size_t room) {
  RequestParser parser;
  require(!parser.parse_head(head, 100), "what was taken is taken again");
  Body body;
  std::string into(room, '\0');
  std::size_t visible = 0;
  while (true) {
    const auto decoded = parser.decode_chunks(raw.substr(body.size, visible - body.size), into);
    require(decoded.taken <= visible - body.size && decoded.given <= room, "no more than there is");
    require(decoded.given <= decoded.taken, "decoding makes nothing up");
    body.size += decoded.taken;
    body.bytes.append(into, 0, decoded.given);
    if (decoded.is_malformed) return std::nullopt;
    if (decoded.is_end) return body;
    if (decoded.given > 0) continue;
    if (visible == raw.size()) return std::nullopt;
    visible = std::min(visible + step, raw.size());
  }
}

}  // namespace
}  // namespace retort::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::http;  // NOLINT(google-build-using-namespace)
  const std::string_view text = retort::fuzz::text_of(data, size);
  HeadScanner scanner;
  const HeadScanner::State state = scanner.scan(text);
  HeadScanner slow;
  HeadScanner::State slow_state = HeadScanner::State::incomplete;
  for (std::size_t seen = 0; seen <= size && slow_state == HeadScanner::State::incomplete; ++seen)
    slow_state = slow.scan(text.substr(0, seen));
  retort::fuzz::require(state == slow_state, "a head ends where it does, however it comes");
  if (state != HeadScanner::State::whole) return 0;
  retort::fuzz::require(slow.size() == scanner.size(), "a head ends where it does");

  const std::string_view head = text.substr(0, scanner.size());
  RequestParser parser;
  if (const auto refusal = parser.parse_head(head, 100)) {
    retort::fuzz::require(refusal->status >= 400, "a refusal is an error");
    const auto document = problem(refusal->status, refusal->code, refusal->detail);
    retort::fuzz::require(retort::base::is_utf8(document.body), "a refusal can be sent");
    return 0;
  }
  check_head(parser);
  if (parser.body() != RequestParser::Body::chunked) return 0;
  const std::string_view raw = text.substr(scanner.size());
  const auto at_once = decode(head, raw, size, size + 1);
  const auto by_bytes = decode(head, raw, 1, 1);
  retort::fuzz::require(at_once == by_bytes, "chunks mean the same, however they come");
  return 0;
}
