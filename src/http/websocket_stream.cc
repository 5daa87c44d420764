// WebSocketStream: Beast's WebSocket with bounds on what a peer can cost.
#include "http/websocket_stream.h"

#include <poll.h>

#include <algorithm>
#include <limits>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/bytes.h"

namespace retort::http {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kClosing = std::chrono::seconds(5);
constexpr auto kClosingOnFault = std::chrono::seconds(1);  // of the peer's: it need not agree
constexpr std::size_t kReadStep = std::size_t{16} << 10U;

// Bytes of the peer that are no message's: pings, empty and tiny fragments. So many at once, and so
// many more a second.
constexpr std::int64_t kMostOverhead = std::int64_t{64} << 10U;
constexpr std::int64_t kOverheadRate = 1024;
constexpr std::int64_t kFrameHead = 14;  // at most (RFC 6455, 5.2)

// Sees what goes over the socket, which Beast's streams keep to themselves.
struct Meter {
  std::uint64_t written = 0;
  std::int64_t overhead = 0;
  Clock::time_point overhead_at = Clock::now();
  std::function<void()> at_flood;

  void read(std::size_t bytes) {
    const auto now = Clock::now();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - overhead_at);
    if (seconds.count() > 0) {
      overhead = std::max<std::int64_t>(0, overhead - seconds.count() * kOverheadRate);
      overhead_at = now;
    }
    overhead += static_cast<std::int64_t>(bytes);
    // A read brings at most what fits a step and Beast's own buffer before it is accounted for.
    constexpr std::int64_t kUnderWay = kReadStep + 4096;
    if (overhead > kMostOverhead + kUnderWay && at_flood) std::exchange(at_flood, nullptr)();
  }
  void got(std::size_t payload, bool is_whole) {
    overhead -= static_cast<std::int64_t>(payload) + (is_whole ? kFrameHead : 0);
    overhead = std::max<std::int64_t>(overhead, 0);
  }
};

class MeterPolicy {
 public:
  explicit MeterPolicy(std::shared_ptr<Meter> meter) : meter_(std::move(meter)) {}

 private:
  friend class beast::rate_policy_access;
  // NOLINTBEGIN(readability-convert-member-functions-to-static)
  [[nodiscard]] std::size_t available_read_bytes() const {
    return std::numeric_limits<std::size_t>::max();
  }
  [[nodiscard]] std::size_t available_write_bytes() const {
    return std::numeric_limits<std::size_t>::max();
  }
  void transfer_read_bytes(std::size_t bytes) { meter_->read(bytes); }
  void transfer_write_bytes(std::size_t bytes) { meter_->written += bytes; }
  void on_timer() {}
  // NOLINTEND(readability-convert-member-functions-to-static)
  std::shared_ptr<Meter> meter_;
};

using Layer =
    beast::basic_stream<asio::generic::stream_protocol, asio::any_io_executor, MeterPolicy>;

// What tasks that read, write or close share with the WebSocket, which may go before they do.
struct Core : std::enable_shared_from_this<Core> {
  Core(Socket socket, WebSocketLimits given)
      : limits(std::move(given)),
        meter(std::make_shared<Meter>()),
        stream(MeterPolicy(meter), std::move(socket)),
        read_timer(stream.get_executor()),
        write_timer(stream.get_executor()),
        close_timer(stream.get_executor()) {}

  void cut() {
    is_over = true;
    stream.next_layer().close();
    for (asio::steady_timer* timer : {&read_timer, &write_timer, &close_timer}) timer->cancel();
  }

  WebSocketLimits limits;
  std::shared_ptr<Meter> meter;
  websocket::stream<Layer> stream;
  asio::steady_timer read_timer;
  asio::steady_timer write_timer;
  asio::steady_timer close_timer;
  bool is_message_begun = false;
  bool is_closing = false;
  bool is_over = false;
};

Error gone(std::string why) {
  return Error{Fault::gone, "the WebSocket is closed: " + std::move(why), 0};
}

Task<> close_core(std::shared_ptr<Core> core,
                  std::uint16_t code,
                  std::string text,
                  Clock::duration patience) {
  if (core->is_closing || core->is_over) co_return;
  core->is_closing = true;
  core->close_timer.expires_after(patience);
  core->close_timer.async_wait([weak = core->weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (self && !error) self->cut();
  });
  websocket::close_reason reason;
  reason.code = code;
  text.resize(std::min(text.size(), reason.reason.max_size()));
  while (!text.empty() && !base::is_utf8(text)) text.pop_back();
  reason.reason = text;
  co_await core->stream.async_close(reason, kAwait);
  core->cut();
}

// For what is found while Beast is at work.
void fail_soon(const std::shared_ptr<Core>& core, websocket::close_code code, const char* why) {
  async::spawn(core->stream.get_executor(), close_core(core, code, why, kClosingOnFault));
}

void watch_write(const std::shared_ptr<Core>& core) {
  core->write_timer.expires_after(core->limits.stall);
  core->write_timer.async_wait(
      [weak = core->weak_from_this(), before = core->meter->written](const auto& error) {
        const auto self = weak.lock();
        if (!self || error) return;
        if (self->meter->written == before) return self->cut();
        watch_write(self);
      });
}

void limit_message(const std::shared_ptr<Core>& core, Clock::time_point until) {
  core->read_timer.expires_at(until);
  core->read_timer.async_wait([weak = core->weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (self && !error)
      fail_soon(self, websocket::close_code::policy_error, "the message came too slowly");
  });
}

Task<Result<WebSocket::Message>> read_message(std::shared_ptr<Core> core) {
  if (core->is_over) co_return gone("it was used before");
  WebSocket::Message message;
  std::size_t size = 0;
  Clock::time_point begun;
  while (true) {
    if (const auto& has_room = core->limits.has_room; size > 0 && has_room && !has_room()) {
      co_await close_core(
          core, websocket::close_code::try_again_later, "no memory is left", kClosingOnFault);
      co_return gone("no memory is left");
    }
    const std::size_t room = std::min<std::uint64_t>(
        kReadStep,
        core->limits.largest_message.bytes() + 1 -
            std::min<std::uint64_t>(size, core->limits.largest_message.bytes()));
    message.bytes.resize(size + room);
    const asio::mutable_buffer into(message.bytes.data() + size, room);
    const auto [code, count] = co_await core->stream.async_read_some(into, kAwait);
    core->read_timer.cancel();
    if (code) {
      if (!core->is_closing) core->cut();
      core->is_over = true;
      co_return gone(code.message());
    }
    size += count;
    const bool is_whole = core->stream.is_message_done();
    core->meter->got(count, is_whole);
    core->is_message_begun = !is_whole;
    if (is_whole) break;
    if (begun == Clock::time_point()) begun = Clock::now();
    const std::chrono::seconds longer(size / core->limits.least_rate.bytes());
    limit_message(core, begun + core->limits.message + longer);
  }
  message.bytes.resize(size);
  message.binary = core->stream.got_binary();
  // Beast does not see that the last character is cut off when the last frame is empty.
  if (!message.binary && !base::is_utf8(message.bytes)) {
    co_await close_core(core, websocket::close_code::bad_payload, "", kClosingOnFault);
    co_return gone("a text was not UTF-8");
  }
  co_return message;
}

Task<Status> write_message(std::shared_ptr<Core> core, bool binary, std::string bytes) {
  if (core->is_over || core->is_closing) co_return gone("it was used before");
  core->stream.binary(binary);
  watch_write(core);
  const asio::const_buffer from(bytes.data(), bytes.size());
  const auto [code, count] = co_await core->stream.async_write(from, kAwait);
  core->write_timer.cancel();
  if (!code) co_return Status();
  if (!core->is_closing) core->cut();
  co_return gone(code.message());
}

class BeastWebSocket final : public AcceptedWebSocket {
 public:
  explicit BeastWebSocket(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~BeastWebSocket() override { core_->cut(); }

  Task<Result<Message>> read() override { return read_message(core_); }
  Task<Status> write(bool binary, std::string bytes) override {
    return write_message(core_, binary, std::move(bytes));
  }
  [[nodiscard]] bool is_message_begun() const override { return core_->is_message_begun; }
  void limit_messages(base::ByteSize largest) override {
    core_->limits.largest_message = largest;
    core_->stream.read_message_max(largest.bytes());
  }
  bool is_peer_gone() override {
    auto& socket = core_->stream.next_layer().socket();
    if (!socket.is_open()) return true;
    pollfd end{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&end, 1, 0) > 0;
  }
  Task<> close(std::uint16_t code, std::string reason) override {
    return close_core(core_, code, std::move(reason), kClosing);
  }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

Task<Result<OpenedWebSocket>> open_websocket(Socket socket,
                                             RequestHead head,
                                             WebSocketLimits limits,
                                             std::string subprotocol) {
  auto core = std::make_shared<Core>(std::move(socket), std::move(limits));
  websocket::stream_base::timeout timeout{};
  timeout.handshake_timeout = kClosing;  // of closing handshakes too
  timeout.idle_timeout = core->limits.idle;
  timeout.keep_alive_pings = true;
  core->stream.set_option(timeout);
  core->stream.auto_fragment(false);  // a message is a frame, written from where it is
  core->stream.read_message_max(core->limits.largest_message.bytes());
  auto decorate = [subprotocol](websocket::response_type& response) {
    if (!subprotocol.empty()) response.set(beast::http::field::sec_websocket_protocol, subprotocol);
  };
  websocket::stream_base::decorator decorator(std::move(decorate));
  core->stream.set_option(std::move(decorator));
  core->meter->at_flood = [weak = std::weak_ptr<Core>(core)] {
    if (const auto self = weak.lock())
      fail_soon(self, websocket::close_code::policy_error, "too many frames that bring nothing");
  };

  beast::http::request<beast::http::empty_body> request;
  request.version(11);
  request.method(beast::http::verb::get);
  request.target("/");
  for (const Header& header : head.headers) request.insert(header.name, header.value);
  const auto [code] = co_await core->stream.async_accept(request, kAwait);
  if (code) {
    core->cut();
    co_return gone(code.message());
  }
  OpenedWebSocket opened;
  opened.socket = std::make_unique<BeastWebSocket>(core);
  opened.cut = [weak = std::weak_ptr<Core>(core)] {
    if (const auto self = weak.lock()) self->cut();
  };
  co_return opened;
}

}  // namespace retort::http
