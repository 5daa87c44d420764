// Session: requests one after the other, and what holds of each whatever its handler does.
#include "http/session.h"

#include <array>
#include <ctime>
#include <new>

#include "base/bytes.h"
#include "http/ascii.h"
#include "http/websocket_stream.h"

namespace retort::http {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kLongestRequestLine = std::size_t{8} << 10U;

Pace make_pace(base::Duration stall, base::ByteSize least_rate) {
  return {.stall = stall, .least_rate = least_rate.bytes()};
}

}  // namespace

std::string_view Shared::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text.data(), size);
  }
  return date_;
}

Session::Session(std::shared_ptr<Shared> shared, std::shared_ptr<Wire> wire, std::string peer)
    : shared_(std::move(shared)),
      wire_(std::move(wire)),
      peer_(std::move(peer)),
      body_pace_(make_pace(shared_->options.body_idle, shared_->options.least_rate)),
      write_pace_(make_pace(shared_->options.write_stall, shared_->options.least_rate)) {}

Task<> Session::run() {
  while (true) {
    const Next next = co_await receive();
    if (next == Next::end) break;
    ++requests_;
    ++shared_->statistics.requests;
    co_await handle();
    if (answer_ == Answer::websocket || !is_ended_) break;
    if (!keep_) {
      co_await linger();
      break;
    }
  }
  if (cut_websocket_) cut_websocket_();
  wire_->cut();
}

void Session::drain() {
  if (is_idle_) wire_->cut();
}

void Session::cut() {
  const auto gone = std::exchange(gone_, nullptr);
  wire_->cut();  // calls what watches
  if (cut_websocket_) cut_websocket_();
  if (gone) gone();
}

Task<Session::Next> Session::receive() {
  const Options& options = shared_->options;
  answer_ = Answer::none;
  is_ended_ = false;
  keep_ = false;
  body_refusal_.reset();
  write_pace_.restart();
  if (shared_->is_draining) co_return Next::end;

  HeadScanner scanner;
  Clock::time_point until = Clock::now() + options.header_time;
  bool has_begun = false;
  while (true) {
    // An empty line before a request is a client's mistake that is forgiven (RFC 9112, 2.2).
    if (!has_begun && wire_->buffered().starts_with("\r\n")) wire_->consume(2);
    if (!has_begun && !wire_->buffered().empty() && wire_->buffered() != "\r") {
      has_begun = true;
      if (requests_ > 0) until = Clock::now() + options.header_time;
    }
    const HeadScanner::State state =
        has_begun ? scanner.scan(wire_->buffered()) : HeadScanner::State::incomplete;
    if (state == HeadScanner::State::whole) break;
    if (state == HeadScanner::State::malformed) {
      Refusal refusal{.status = 400, .code = "bad_request", .detail = "a line ends in a bare LF"};
      co_await refuse(std::move(refusal));
      co_return Next::end;
    }
    if (has_begun && !scanner.has_request_line() &&
        wire_->buffered().size() >
            std::min<std::size_t>(kLongestRequestLine, options.header_bytes.bytes() / 2)) {
      Refusal refusal{
          .status = 414, .code = "uri_too_long", .detail = "the request line is too long"};
      co_await refuse(std::move(refusal));
      co_return Next::end;
    }
    if (wire_->is_full()) {
      Refusal refusal{
          .status = 431,
          .code = "header_too_large",
          .detail = "the headers are larger than " + base::to_text(options.header_bytes)};
      co_await refuse(std::move(refusal));
      co_return Next::end;
    }
    is_idle_ = !has_begun;
    Clock::time_point wait_until = until;
    if (!has_begun && requests_ > 0) wait_until = Clock::now() + options.keep_alive;
    const Status filled = co_await wire_->fill(wait_until);
    is_idle_ = false;
    if (filled) continue;
    if (filled.error().os_errno == ETIMEDOUT && has_begun) {
      Refusal refusal{.status = 408,
                      .code = "request_timeout",
                      .detail = "the head of the request was not whole in time"};
      co_await refuse(std::move(refusal));
    }
    co_return Next::end;
  }

  auto refusal =
      parser_.parse_head(wire_->buffered().substr(0, scanner.size()), options.header_count);
  wire_->consume(scanner.size());
  if (refusal) {
    co_await refuse(*std::move(refusal));
    co_return Next::end;
  }
  parser_.head().peer = peer_;
  is_body_whole_ = parser_.body() == RequestParser::Body::none;
  continue_sent_ = false;
  body_left_ = parser_.head().content_length.value_or(0);
  body_pace_.restart();
  co_return Next::request;
}

Task<> Session::refuse(Refusal refusal) {
  ++shared_->statistics.bad_requests;
  Response response = problem(refusal.status, refusal.code, refusal.detail);
  is_body_whole_ = true;  // of no interest
  parser_.head().method.clear();
  keep_ = false;
  const Status composed =
      compose_head(response.status, response.content_type, response.headers, response.body.size());
  if (!composed) co_return;
  const Wire::Pieces pieces = {text_, response.body, ""};
  const Status sent = co_await wire_->write(pieces, write_pace_);
  if (sent) co_await linger();
}

Task<Session::Handled> Session::call_handler() {
  Handled how = Handled::threw;
  std::string problem;
  try {
    co_await shared_->handler(*this);
    co_return Handled::returned;
  } catch (const std::bad_alloc&) {
    how = Handled::without_memory;
    problem = "out of memory";
  } catch (const std::exception& error) {
    problem = error.what();
  } catch (...) {
    problem = "an exception of no known type";
  }
  shared_->options.log(head().method + " " + base::printable(head().path) +
                       ": the handler ended by an exception: " + base::printable(problem));
  co_return how;
}

Task<> Session::handle() {
  const Handled how = co_await call_handler();
  const bool returned = how == Handled::returned;
  wire_->unwatch();
  gone_ = nullptr;
  if (answer_ != Answer::none) {
    if (!returned) keep_ = false;
    co_return;
  }
  Response response;
  if (returned && body_refusal_) {
    ++shared_->statistics.bad_requests;
    response = problem(body_refusal_->status, body_refusal_->code, body_refusal_->detail);
  } else if (how == Handled::without_memory) {
    response = problem(503, "unavailable", "this server is short of memory; try again");
    response.headers.push_back({"Retry-After", "1"});
  } else {
    if (returned && !wire_->is_broken())
      shared_->options.log(head().method + " " + base::printable(head().path) +
                           ": the handler returned without an answer");
    response = problem(500, "internal_error", "the request could not be handled");
  }
  const Status sent = co_await respond(std::move(response));
  if (!sent) keep_ = false;
}

// TCP answers bytes that nobody reads with a reset, which may destroy an answer that is on its way
// (RFC 9112, 9.6).
Task<> Session::linger() {
  if (wire_->is_broken()) co_return;
  wire_->end_writing();
  const auto until = Clock::now() + shared_->options.linger;
  std::uint64_t dropped = 0;
  while (dropped <= shared_->options.linger_bytes.bytes()) {
    dropped += wire_->buffered().size();
    wire_->consume(wire_->buffered().size());
    const Status filled = co_await wire_->fill(until);
    if (!filled || Clock::now() >= until) break;
  }
}

void Session::on_gone(std::function<void()> callback) {
  if (!is_body_whole_) {
    gone_ = std::move(callback);
    return;
  }
  wire_->watch(std::move(callback));
}

}  // namespace retort::http
