// RequestParser: Beast's parser, and the rules by which we are stricter.
#include "http/request_parser.h"

#include <array>
#include <charconv>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "http/ascii.h"
#include "http/target.h"

namespace retort::http {

namespace beast = boost::beast;

namespace {

// What has one meaning, and therefore comes once.
constexpr std::array<std::string_view, 14> kSingle = {"host",
                                                      "content-length",
                                                      "transfer-encoding",
                                                      "content-type",
                                                      "content-encoding",
                                                      "expect",
                                                      "authorization",
                                                      "origin",
                                                      "sec-websocket-key",
                                                      "sec-websocket-version",
                                                      "user-agent",
                                                      "if-range",
                                                      "range",
                                                      "idempotency-key"};

Refusal bad_request(std::string detail) {
  return {.status = 400, .code = "bad_request", .detail = std::move(detail)};
}

// Beast reads a folded line as one (RFC 9112, 5.2), and may take a bare CR or LF.
std::optional<Refusal> check_lines(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (c == '\0') return bad_request("the head has a NUL");
    if (c == '\r' && next != '\n') return bad_request("the head has a bare CR");
    if (c != '\n') continue;
    if (at == 0 || text[at - 1] != '\r') return bad_request("the head has a bare LF");
    if (next == ' ' || next == '\t') return bad_request("the head has a folded line");
  }
  return std::nullopt;
}

// 505 for a version that exists and is not ours; what is no version is left to the parser.
std::optional<Refusal> check_version(std::string_view text) {
  const std::string_view line = text.substr(0, text.find("\r\n"));
  const auto space = line.rfind(' ');
  if (space == std::string_view::npos) return bad_request("the request line is not whole");
  const std::string_view version = line.substr(space + 1);
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return std::nullopt;
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) &&
      version[6] == '.' && is_digit(version[7]))
    return Refusal{.status = 505,
                   .code = "http_version_not_supported",
                   .detail = "this server speaks HTTP/1.1"};
  return bad_request("the request line does not end in an HTTP version");
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || !is_digit(text.front()) || error != std::errc() ||
      end != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view text) {
  while (true) {
    const auto end = text.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = text.size();
      return State::incomplete;
    }
    if (end == line_ || text[end - 1] != '\r') return State::malformed;
    scanned_ = end + 1;
    if (end == line_ + 1) return State::whole;
    line_ = end + 1;
    has_request_line_ = true;
  }
}

struct RequestParser::Library {
  std::optional<beast::http::request_parser<beast::http::buffer_body>> parser;
};

RequestParser::RequestParser() : library_(std::make_unique<Library>()) {}
RequestParser::~RequestParser() = default;

std::optional<Refusal> RequestParser::parse_head(std::string_view text, std::size_t most_headers) {
  head_ = RequestHead();
  body_ = Body::none;
  if (auto refusal = check_lines(text)) return refusal;
  if (auto refusal = check_version(text)) return refusal;

  auto& parser = library_->parser.emplace();
  parser.header_limit(static_cast<std::uint32_t>(text.size()));
  parser.body_limit(boost::none);  // the reader's to keep
  parser.eager(true);
  boost::system::error_code code;
  const std::size_t taken = parser.put(boost::asio::buffer(text.data(), text.size()), code);
  if (code == beast::http::error::bad_content_length ||
      code == beast::http::error::multiple_content_length ||
      code == beast::http::error::bad_transfer_encoding)
    return bad_request("Content-Length and Transfer-Encoding must be one, once, and well-formed");
  // A chunked body is still to come, and needs more.
  if ((code && code != beast::http::error::need_more) || !parser.is_header_done() ||
      taken != text.size())
    return bad_request("the head is malformed: " + code.message());

  const auto& request = parser.get();
  head_.method = request.method_string();
  is_http_1_0_ = request.version() == 10;
  keeps_alive_ = parser.keep_alive();
  for (const auto& field : request) {
    if (head_.headers.size() == most_headers)
      return Refusal{.status = 431,
                     .code = "header_too_large",
                     .detail = "more than " + std::to_string(most_headers) + " headers"};
    head_.headers.push_back({field.name_string(), field.value()});
  }
  if (auto refusal = check_fields()) return refusal;
  const std::string* host = head_.header("host");
  auto target = parse_target(std::string_view(request.target()),
                             host != nullptr ? std::string_view(*host) : std::string_view());
  if (!target) return bad_request(target.error().what);
  head_.path = std::move(target->path);
  head_.query = std::move(target->query);
  if (auto refusal = check_framing()) return refusal;
  head_.wants_websocket = body_ == Body::none && beast::websocket::is_upgrade(request) &&
                          head_.header("sec-websocket-key") != nullptr;
  return std::nullopt;
}

std::optional<Refusal> RequestParser::check_fields() {
  std::array<bool, kSingle.size()> seen{};
  for (const Header& header : head_.headers) {
    if (!is_token(header.name) || !is_field_value(header.value))
      return bad_request("a header is malformed");
    for (std::size_t index = 0; index < kSingle.size(); ++index) {
      if (!is_same_ignoring_case(header.name, kSingle.at(index))) continue;
      if (seen.at(index)) return bad_request("header " + header.name + " comes twice");
      seen.at(index) = true;
    }
  }
  const std::string* host = head_.header("host");
  if (host == nullptr && !is_http_1_0_) return bad_request("HTTP/1.1 wants a Host header");
  if (host != nullptr && !is_host(*host)) return bad_request("Host is malformed");
  return std::nullopt;
}

std::optional<Refusal> RequestParser::check_framing() {
  const std::string* length = head_.header("content-length");
  const std::string* coding = head_.header("transfer-encoding");
  if (length != nullptr && coding != nullptr)
    return bad_request("Content-Length and Transfer-Encoding exclude each other");
  if (coding != nullptr) {
    if (is_http_1_0_) return bad_request("HTTP/1.0 has no Transfer-Encoding");
    if (!is_same_ignoring_case(*coding, "chunked"))
      return Refusal{.status = 501,
                     .code = "not_implemented",
                     .detail = "the only Transfer-Encoding that is taken is chunked"};
    body_ = Body::chunked;
  }
  if (length != nullptr) {
    head_.content_length = parse_length(*length);
    if (!head_.content_length) return bad_request("Content-Length is not a number");
    if (*head_.content_length > 0) body_ = Body::length;
  }
  const std::string* encoding = head_.header("content-encoding");
  if (encoding != nullptr && !is_same_ignoring_case(*encoding, "identity"))
    return Refusal{.status = 415,
                   .code = "unsupported_content_encoding",
                   .detail = "bodies are taken as they are, without Content-Encoding"};
  const std::string* expect = head_.header("expect");
  expects_continue_ = expect != nullptr && body_ != Body::none && !is_http_1_0_;
  if (expect != nullptr && !is_same_ignoring_case(*expect, "100-continue"))
    return Refusal{.status = 417,
                   .code = "expectation_failed",
                   .detail = "the only expectation that is met is 100-continue"};
  return std::nullopt;
}

RequestParser::Decoded RequestParser::decode_chunks(std::string_view raw, std::span<char> into) {
  auto& parser = *library_->parser;
  auto& body = parser.get().body();
  Decoded decoded;
  while (!parser.is_done()) {
    body.data = into.data() + decoded.given;
    body.size = into.size() - decoded.given;
    body.more = true;
    const std::size_t room = body.size;
    const std::string_view rest = raw.substr(decoded.taken);
    boost::system::error_code code;
    const std::size_t taken = parser.put(boost::asio::buffer(rest.data(), rest.size()), code);
    decoded.taken += taken;
    decoded.given += room - body.size;
    if (code && code != beast::http::error::need_more && code != beast::http::error::need_buffer) {
      decoded.is_malformed = true;
      return decoded;
    }
    if (code == beast::http::error::need_buffer || decoded.given == into.size()) break;
    if (taken == 0 || decoded.taken == raw.size()) break;
  }
  decoded.is_end = parser.is_done();
  return decoded;
}

}  // namespace retort::http
