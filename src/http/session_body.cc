// Session: reading the body of a request.
#include <algorithm>
#include <new>

#include "http/session.h"

namespace retort::http {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

// The error for the handler; the refusal is sent if it does not answer itself.
Error Session::body_error(Error error, Refusal refusal) {
  keep_ = false;
  if (error.os_errno == ETIMEDOUT)
    refusal = {.status = 408,
               .code = "request_timeout",
               .detail = "the body of the request came too slowly"};
  if (!body_refusal_) body_refusal_ = std::move(refusal);
  return error;
}

void Session::body_is_whole() {
  is_body_whole_ = true;
  if (gone_) wire_->watch(std::exchange(gone_, nullptr));
}

Task<Result<std::string>> Session::read_all(base::ByteSize limit) {
  constexpr std::size_t kStep = std::size_t{16} << 10U;
  Error too_large{Fault::exhausted, "the body is larger than " + base::to_text(limit), 0};
  Refusal refusal{.status = 413, .code = "body_too_large", .detail = too_large.what};
  const std::uint64_t announced = is_body_whole_ ? 0 : head().content_length.value_or(0);
  if (announced > limit.bytes()) co_return body_error(too_large, refusal);
  std::string body;
  std::size_t size = 0;
  while (true) {
    if (const auto& has_room = shared_->options.has_room; has_room && !has_room())
      throw std::bad_alloc();
    // Memory is taken as bytes come, not as they are announced. One byte past the limit shows that
    // there is more.
    const std::size_t room = std::clamp<std::size_t>(size, kStep, std::size_t{1} << 20U);
    const std::size_t most = announced > 0 ? announced : limit.bytes() + 1;
    body.resize(std::max(std::min(size + room, most), size + 1));
    const std::span<char> into = std::span(body).subspan(size);
    const Result<std::size_t> count = co_await read_some(into);
    if (!count) co_return count.error();
    size += *count;
    if (size > limit.bytes()) co_return body_error(too_large, refusal);
    if (*count == 0) break;
    if (is_body_whole_) break;
  }
  body.resize(size);
  co_return body;
}

Task<Result<std::size_t>> Session::read_some(std::span<char> into) {
  if (is_body_whole_ || into.empty()) co_return std::size_t{0};
  if (body_refusal_) co_return Error{Fault::gone, "the body cannot be read further", 0};
  if (parser_.body() == RequestParser::Body::chunked) co_return co_await read_chunks(into);
  co_return co_await read_length(into);
}

Task<Status> Session::send_continue() {
  if (!parser_.expects_continue() || continue_sent_ || answer_ != Answer::none) co_return Status();
  continue_sent_ = true;
  if (!wire_->buffered().empty()) co_return Status();  // it did not wait to be asked
  const Wire::Pieces pieces = {"HTTP/1.1 100 Continue\r\n\r\n", "", ""};
  co_return co_await wire_->write(pieces, write_pace_);
}

Task<Result<std::size_t>> Session::read_length(std::span<char> into) {
  Refusal cut_short{.status = 400, .code = "bad_request", .detail = "the body ended too early"};
  const std::size_t most = std::min<std::uint64_t>(into.size(), body_left_);
  std::size_t count = 0;
  if (const std::string_view ready = wire_->buffered().substr(0, most); !ready.empty()) {
    std::ranges::copy(ready, into.begin());
    count = ready.size();
    wire_->consume(count);
  } else {
    const Status asked = co_await send_continue();
    if (!asked) co_return body_error(asked.error(), cut_short);
    const auto before = Clock::now();
    const std::span<char> room = into.first(most);
    const auto read = co_await wire_->read(room, body_pace_.deadline());
    body_pace_.waited += Clock::now() - before;
    if (!read) co_return body_error(read.error(), cut_short);
    count = *read;
  }
  body_pace_.moved += count;
  body_left_ -= count;
  if (body_left_ == 0) body_is_whole();
  co_return count;
}

Task<Result<std::size_t>> Session::read_chunks(std::span<char> into) {
  Refusal malformed{
      .status = 400, .code = "bad_request", .detail = "the chunked body is malformed"};
  Refusal cut_short{.status = 400, .code = "bad_request", .detail = "the body ended too early"};
  while (true) {
    const RequestParser::Decoded decoded = parser_.decode_chunks(wire_->buffered(), into);
    wire_->consume(decoded.taken);
    body_pace_.moved += decoded.given;
    const bool is_stuck = wire_->is_full() && decoded.taken == 0 && decoded.given == 0;
    if (decoded.is_malformed || (is_stuck && !decoded.is_end))
      co_return body_error(Error{Fault::invalid, malformed.detail, 0}, malformed);
    if (decoded.is_end) body_is_whole();
    if (decoded.is_end || decoded.given > 0) co_return decoded.given;
    const Status asked = co_await send_continue();
    if (!asked) co_return body_error(asked.error(), cut_short);
    const auto before = Clock::now();
    const Status filled = co_await wire_->fill(body_pace_.deadline());
    body_pace_.waited += Clock::now() - before;
    if (!filled) co_return body_error(filled.error(), cut_short);
  }
}

// The little that has come with the head need not cost the connection.
void Session::skip_buffered_body() {
  if (is_body_whole_ || body_refusal_) return;
  if (parser_.body() != RequestParser::Body::length) return;
  if (wire_->buffered().size() < body_left_) return;
  wire_->consume(body_left_);
  body_left_ = 0;
  is_body_whole_ = true;
}

}  // namespace retort::http
