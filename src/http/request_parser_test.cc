// RequestParser: a head that two readers could understand differently is refused.
#include "http/request_parser.h"

#include <gtest/gtest.h>

namespace retort::http {
namespace {

constexpr std::size_t kMostHeaders = 20;

// 0: taken.
unsigned status_of(std::string_view head) {
  RequestParser parser;
  const auto refusal = parser.parse_head(head, kMostHeaders);
  return refusal ? refusal->status : 0;
}

unsigned status_with(const std::string& headers) {
  return status_of("POST /x HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
}

TEST(RequestParser, GivesWhatTheHeadSays) {
  RequestParser parser;
  const auto refusal = parser.parse_head(
      "POST /a%20b?c=d HTTP/1.1\r\nHost: h:80\r\nX-Thing:  some value \r\nx-thing: more\r\n"
      "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n",
      kMostHeaders);
  ASSERT_FALSE(refusal) << refusal->detail;
  EXPECT_EQ(parser.head().method, "POST");
  EXPECT_EQ(parser.head().path, "/a b");
  EXPECT_EQ(*parser.head().parameter("c"), "d");
  EXPECT_EQ(*parser.head().header("X-THING"), "some value");
  EXPECT_EQ(parser.head().header("absent"), nullptr);
  EXPECT_EQ(parser.head().content_length, 12U);
  EXPECT_EQ(parser.body(), RequestParser::Body::length);
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_TRUE(parser.keeps_alive());
  EXPECT_FALSE(parser.head().wants_websocket);
}

TEST(RequestParser, KnowsWhetherTheConnectionStays) {
  RequestParser parser;
  ASSERT_FALSE(parser.parse_head("GET / HTTP/1.0\r\n\r\n", kMostHeaders));
  EXPECT_FALSE(parser.keeps_alive());
  ASSERT_FALSE(parser.parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", kMostHeaders));
  EXPECT_TRUE(parser.keeps_alive());
  ASSERT_FALSE(
      parser.parse_head("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", kMostHeaders));
  EXPECT_FALSE(parser.keeps_alive());
}

TEST(RequestParser, KnowsAWebSocketFromItsHeaders) {
  RequestParser parser;
  const std::string head =
      " / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  ASSERT_FALSE(parser.parse_head("GET" + head + "\r\n", kMostHeaders));
  EXPECT_TRUE(parser.head().wants_websocket);
  ASSERT_FALSE(parser.parse_head("POST" + head + "\r\n", kMostHeaders));
  EXPECT_FALSE(parser.head().wants_websocket);
  ASSERT_FALSE(parser.parse_head("GET" + head + "Content-Length: 1\r\n\r\n", kMostHeaders));
  EXPECT_FALSE(parser.head().wants_websocket);
}

TEST(RequestParser, RefusesTwoLengths) {
  EXPECT_EQ(status_with("Content-Length: 1\r\nContent-Length: 1\r\n"), 400U);
  EXPECT_EQ(status_with("Content-Length: 1\r\nContent-Length: 2\r\n"), 400U);
  EXPECT_EQ(status_with("Content-Length: 1, 1\r\n"), 400U);
  EXPECT_EQ(status_with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400U);
  EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400U);
  EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400U);
  for (const char* length : {"", "-1", "+1", "0x1", "1 1", "1.0", "99999999999999999999", "a"})
    EXPECT_EQ(status_with("Content-Length: " + std::string(length) + "\r\n"), 400U) << length;
}

TEST(RequestParser, RefusesCodingsItDoesNotUndo) {
  EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\n"), 0U);
  EXPECT_EQ(status_with("Transfer-Encoding: Chunked\r\n"), 0U);
  for (const char* coding :
       {"gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked, gzip"})
    EXPECT_GE(status_with("Transfer-Encoding: " + std::string(coding) + "\r\n"), 400U) << coding;
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400U);
  EXPECT_EQ(status_with("Content-Encoding: gzip\r\nContent-Length: 3\r\n"), 415U);
  EXPECT_EQ(status_with("Content-Encoding: identity\r\n"), 0U);
  EXPECT_EQ(status_with("Expect: 200-ok\r\n"), 417U);
}

TEST(RequestParser, RefusesFoldedLinesBareLineEndsAndControlCharacters) {
  EXPECT_EQ(status_with("X: a\r\n b\r\n"), 400U);
  EXPECT_EQ(status_with("X: a\r\n\tb\r\n"), 400U);
  EXPECT_EQ(status_with(" X: a\r\n"), 400U);
  EXPECT_EQ(status_with("X: a\nY: b\r\n"), 400U);
  EXPECT_EQ(status_with("X: a\rY: b\r\n"), 400U);
  EXPECT_EQ(status_with("X: a\r\r\n"), 400U);
  EXPECT_EQ(status_with(std::string("X: a\0b\r\n", 8)), 400U);
  EXPECT_EQ(status_with("X: a\x01\r\n"), 400U);
  EXPECT_EQ(status_with("X: a\x7f\r\n"), 400U);
  EXPECT_EQ(status_with("X : a\r\n"), 400U);
  EXPECT_EQ(status_with(": a\r\n"), 400U);
  EXPECT_EQ(status_with("X\r\n"), 400U);
  EXPECT_EQ(status_with("Content-Length\x0b: 1\r\n"), 400U);
  EXPECT_EQ(status_with("X: \xc3\xa9\ttab\r\n"), 0U);
  for (const char* line : {"GET /\x01 HTTP/1.1",
                           "GET /\ta HTTP/1.1",
                           "GET  / HTTP/1.1",
                           "GET /  HTTP/1.1",
                           " GET / HTTP/1.1",
                           "G(T / HTTP/1.1",
                           "GET /a b HTTP/1.1",
                           "GET / HTTP/1.1 ",
                           "GET /",
                           "GET / http/1.1",
                           "GET / HTTP/1",
                           "GET / HTTP/11",
                           ""})
    EXPECT_EQ(status_of(std::string(line) + "\r\nHost: h\r\n\r\n"), 400U) << line;
}

TEST(RequestParser, RefusesVersionsThatItDoesNotSpeak) {
  for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"})
    EXPECT_EQ(status_of("GET / " + std::string(version) + "\r\nHost: h\r\n\r\n"), 505U) << version;
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\n"), 505U);
}

TEST(RequestParser, WantsOneHostThatIsTheTargets) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0U);
  EXPECT_EQ(status_of("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), 400U);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0U);
}

TEST(RequestParser, RefusesMoreHeadersThanItTakes) {
  std::string headers;
  for (std::size_t count = 0; count < kMostHeaders - 1; ++count) headers += "X: y\r\n";
  EXPECT_EQ(status_with(headers), 0U);
  EXPECT_EQ(status_with(headers + "X: y\r\n"), 431U);
}

// All that `raw` decodes to when it comes in pieces of `step` bytes and is taken in pieces of
// `room`; nothing when it is malformed or does not end.
std::optional<std::string> decode(const std::string& raw, std::size_t step, std::size_t room) {
  RequestParser parser;
  EXPECT_FALSE(parser.parse_head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 kMostHeaders));
  std::string buffered;
  std::string body;
  std::size_t sent = 0;
  std::string into(room, '\0');
  while (true) {
    const auto decoded = parser.decode_chunks(buffered, into);
    buffered.erase(0, decoded.taken);
    body.append(into, 0, decoded.given);
    if (decoded.is_malformed) return std::nullopt;
    if (decoded.is_end)
      return buffered.empty() && sent == raw.size() ? std::optional(body) : std::nullopt;
    if (decoded.given > 0) continue;
    if (sent == raw.size()) return std::nullopt;
    const std::string piece = raw.substr(sent, step);
    buffered += piece;
    sent += piece.size();
  }
}

TEST(RequestParser, DecodesChunksHoweverTheyComeAndAreTaken) {
  const std::string raw = "5\r\nhello\r\n1;ext=\"v\"\r\n \r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
  for (const std::size_t step : {1UZ, 2UZ, 7UZ, 100UZ})
    for (const std::size_t room : {1UZ, 3UZ, 100UZ})
      EXPECT_EQ(decode(raw, step, room), "hello 0123456789") << step << " " << room;
  EXPECT_EQ(decode("0\r\n\r\n", 100, 100), "");
}

TEST(RequestParser, RefusesMalformedChunks) {
  for (const char* raw : {"x\r\n",
                          "-1\r\na\r\n",
                          "5\nhello\n",
                          "1\r\nab\r\n0\r\n\r\n",
                          "11111111111111111\r\n",
                          "\r\n",
                          " 1\r\na\r\n0\r\n\r\n",
                          "1\r\na\r\n0\r\nX: \x01\r\n\r\n",
                          "0x1\r\na\r\n0\r\n\r\n",
                          "1\r\na\n0\r\n\r\n",
                          "5\r\nhel"})
    for (const std::size_t step : {1UZ, 100UZ}) EXPECT_FALSE(decode(raw, step, 100)) << raw;
}

TEST(HeadScanner, FindsTheEndOfAHeadHoweverItComes) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
  HeadScanner scanner;
  for (std::size_t size = 0; size < text.size() - 4; ++size)
    EXPECT_EQ(scanner.scan(text.substr(0, size)), HeadScanner::State::incomplete) << size;
  EXPECT_TRUE(scanner.has_request_line());
  EXPECT_EQ(scanner.scan(text), HeadScanner::State::whole);
  EXPECT_EQ(scanner.size(), text.size() - 4);
  EXPECT_EQ(HeadScanner().scan("GET / HTTP/1.1\n"), HeadScanner::State::malformed);
  EXPECT_EQ(HeadScanner().scan("GET / HTTP/1.1\r\nX\n\n"), HeadScanner::State::malformed);
}

}  // namespace
}  // namespace retort::http
