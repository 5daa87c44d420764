// Session: writing the answer.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "http/ascii.h"
#include "http/session.h"
#include "http/websocket_stream.h"

namespace retort::http {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

bool has_no_body(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

bool is_ours_to_set(std::string_view name) {
  constexpr std::array<std::string_view, 5> kOurs = {
      "connection", "content-length", "date", "keep-alive", "transfer-encoding"};
  return std::ranges::any_of(
      kOurs, [name](std::string_view ours) { return is_same_ignoring_case(ours, name); });
}

std::string chunk_size(std::size_t size) {
  std::array<char, 18> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), size, 16).ptr;
  return std::string(text.data(), end) + "\r\n";
}

Error out_of_turn(std::string what) {
  return Error{Fault::internal, std::move(what), 0};
}

}  // namespace

void Session::decide_whether_to_keep() {
  skip_buffered_body();
  keep_ = parser_.keeps_alive() && is_body_whole_ && !body_refusal_ && !shared_->is_draining &&
          requests_ < shared_->options.requests_per_connection;
}

// `length`: none for an answer that is not counted.
Status Session::compose_head(unsigned status,
                             std::string_view content_type,
                             const std::vector<Header>& headers,
                             std::optional<std::uint64_t> length) {
  if (status < 200 || status > 599)
    return out_of_turn("status " + std::to_string(status) + " is no answer's");
  text_.clear();
  text_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  text_.append(reason_phrase(status)).append("\r\nDate: ").append(shared_->date());
  if (!content_type.empty()) {
    if (!is_field_value(content_type)) return out_of_turn("a content type is malformed");
    text_.append("\r\nContent-Type: ").append(content_type);
  }
  for (const Header& header : headers) {
    if (!is_token(header.name) || !is_field_value(header.value) || is_ours_to_set(header.name))
      return out_of_turn("header " + base::printable(header.name) + " is not fit to be sent");
    text_.append("\r\n").append(header.name).append(": ").append(header.value);
  }
  if (length && status != 304 && status != 204)
    text_.append("\r\nContent-Length: ").append(std::to_string(*length));
  if (answer_ == Answer::chunked) text_.append("\r\nTransfer-Encoding: chunked");
  if (!keep_) {
    text_.append("\r\nConnection: close");
  } else if (parser_.is_http_1_0()) {
    text_.append("\r\nConnection: keep-alive");
  }
  text_.append("\r\n\r\n");
  return {};
}

Task<Status> Session::respond(Response response) {
  if (answer_ != Answer::none) co_return out_of_turn("there was an answer already");
  decide_whether_to_keep();
  Status composed =
      compose_head(response.status, response.content_type, response.headers, response.body.size());
  if (!composed) co_return composed;
  answer_ = Answer::whole;
  if (head().method == "HEAD" || has_no_body(response.status)) response.body.clear();
  const Wire::Pieces pieces = {text_, response.body, ""};
  Status sent = co_await wire_->write(pieces, write_pace_);
  is_ended_ = sent.has_value();
  co_return sent;
}

Task<Status> Session::begin(unsigned status, std::vector<Header> headers) {
  if (answer_ != Answer::none) co_return out_of_turn("there was an answer already");
  decide_whether_to_keep();
  std::optional<std::uint64_t> length;
  const auto counted = std::ranges::find_if(headers, [](const Header& header) {
    return is_same_ignoring_case(header.name, "content-length");
  });
  if (counted != headers.end()) {
    const auto parsed = base::parse_count(counted->value, UINT64_MAX / 2);
    if (!parsed) co_return out_of_turn("Content-Length is not a number");
    length = *parsed;
    headers.erase(counted);
  }
  Answer answer = Answer::chunked;
  if (length || has_no_body(status)) {
    answer = Answer::counted;
  } else if (parser_.is_http_1_0()) {
    answer = Answer::until_close;
    keep_ = false;
  }
  answer_ = answer;
  Status composed = compose_head(status, "", headers, length);
  if (!composed) {
    answer_ = Answer::none;
    co_return composed;
  }
  answer_left_ = has_no_body(status) ? 0 : length.value_or(0);
  const Wire::Pieces pieces = {text_, "", ""};
  co_return co_await wire_->write(pieces, write_pace_);
}

Task<Status> Session::write(std::string bytes) {
  const bool has_begun =
      answer_ == Answer::chunked || answer_ == Answer::counted || answer_ == Answer::until_close;
  if (!has_begun || is_ended_) co_return out_of_turn("write comes between begin and end");
  if (answer_ == Answer::counted) {
    if (bytes.size() > answer_left_) co_return out_of_turn("more bytes than Content-Length says");
    answer_left_ -= bytes.size();
  }
  // An empty chunk would be the last.
  if (bytes.empty() || head().method == "HEAD") co_return Status();
  Wire::Pieces pieces = {bytes, "", ""};
  std::string size;
  if (answer_ == Answer::chunked) {
    size = chunk_size(bytes.size());
    pieces = {size, bytes, "\r\n"};
  }
  co_return co_await wire_->write(pieces, write_pace_);
}

Task<Status> Session::end() {
  if (is_ended_) co_return out_of_turn("the answer has ended already");
  if (answer_ == Answer::chunked) {
    if (head().method != "HEAD") {
      const Wire::Pieces pieces = {"0\r\n\r\n", "", ""};
      Status sent = co_await wire_->write(pieces, write_pace_);
      if (!sent) co_return sent;
    }
  } else if (answer_ == Answer::counted) {
    if (answer_left_ > 0 && head().method != "HEAD")
      co_return out_of_turn("fewer bytes than Content-Length says");
  } else if (answer_ != Answer::until_close) {
    co_return out_of_turn("end comes after begin");
  }
  is_ended_ = true;
  co_return Status();
}

Task<Result<std::unique_ptr<AcceptedWebSocket>>> Session::accept_websocket(
    WebSocketLimits limits, std::string subprotocol) {
  if (answer_ != Answer::none) co_return out_of_turn("there was an answer already");
  if (!head().wants_websocket)
    co_return Error{Fault::invalid, "the request does not ask for a WebSocket", 0};
  if (!is_token(subprotocol) && !subprotocol.empty())
    co_return out_of_turn("the subprotocol is not fit to be sent");
  // A client sends nothing before it has the answer (RFC 6455, 4.1).
  if (!wire_->buffered().empty()) {
    body_refusal_ = {.status = 400,
                     .code = "bad_request",
                     .detail = "bytes came before the WebSocket was accepted"};
    co_return Error{Fault::invalid, body_refusal_->detail, 0};
  }
  answer_ = Answer::websocket;
  limits.least_rate = shared_->options.least_rate;
  limits.has_room = shared_->options.has_room;
  auto opened = co_await open_websocket(
      wire_->release_socket(), head(), std::move(limits), std::move(subprotocol));
  if (!opened) co_return opened.error();
  cut_websocket_ = std::move(opened->cut);
  co_return std::move(opened->socket);
}

}  // namespace retort::http
