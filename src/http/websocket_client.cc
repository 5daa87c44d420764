// WebSocket client: Beast's WebSocket over a transport.
#include "http/websocket_client.h"

#include <fcntl.h>
#include <poll.h>

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/fd.h"

namespace retort::http {

namespace asio = async::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using async::Task;
using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;
using boost::system::error_code;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// A message of 64 KiB, with its head, is one write.
constexpr std::size_t kAtOnce = std::size_t{128} << 10U;
constexpr auto kHandshake = std::chrono::seconds(30);

// A transport as Beast wants a stream.
class Stream {
 public:
  using executor_type = asio::any_io_executor;

  Stream(const async::Executor& executor, std::unique_ptr<Transport> transport, Fd own)
      : transport_(std::move(transport)), descriptor_(executor, own.release()) {}

  executor_type get_executor() { return descriptor_.get_executor(); }
  [[nodiscard]] bool is_open() const { return descriptor_.is_open(); }
  [[nodiscard]] int native_handle() { return descriptor_.native_handle(); }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  void close() {
    error_code ignored;
    (void)descriptor_.close(ignored);
  }

  template <typename Buffers, typename Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    const asio::mutable_buffer room = first_of<asio::mutable_buffer>(buffers);
    return transfer(
        [room](Transport& from) {
          return from.receive(static_cast<char*>(room.data()), room.size());
        },
        asio::posix::descriptor_base::wait_read,
        handler);
  }

  // All that fits one write goes together: a frame's head is no packet of its own.
  template <typename Buffers, typename Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    outgoing_.resize(std::min(asio::buffer_size(buffers), kAtOnce));
    (void)asio::buffer_copy(asio::buffer(outgoing_), buffers);
    return transfer([this](Transport& to) { return to.send(outgoing_.data(), outgoing_.size()); },
                    asio::posix::descriptor_base::wait_write,
                    handler);
  }

 private:
  // Calls until some bytes have moved, each time when the descriptor may be ready.
  template <typename Call>
  struct Transfer {
    Stream& stream;
    Call call;
    asio::posix::descriptor_base::wait_type ready{};
    bool is_begun = false;
    std::size_t count = 0;

    template <typename Self>
    void operator()(Self& self, error_code code = {}) {
      if (code) return self.complete(code, 0);
      if (count > 0) return self.complete({}, count);
      if (!stream.is_open()) return stream.finish(self, is_begun, asio::error::operation_aborted);
      const auto moved = call(*stream.transport_);
      if (!moved) return stream.finish(self, is_begun, stream.failed(moved.error()));
      if (!*moved) {
        is_begun = true;
        return stream.descriptor_.async_wait(ready, std::move(self));
      }
      count = **moved;
      stream.finish(
          self, is_begun, count == 0 ? error_code(asio::error::eof) : error_code(), count);
    }
  };

  template <typename Call, typename Handler>
  auto transfer(Call call, asio::posix::descriptor_base::wait_type ready, Handler& handler) {
    return asio::async_compose<Handler, void(error_code, std::size_t)>(
        Transfer<Call>{.stream = *this, .call = std::move(call), .ready = ready},
        handler,
        descriptor_);
  }

  // Whoever has just called is not called back before he has returned.
  template <typename Self>
  void finish(Self& self, bool is_begun, error_code code, std::size_t count = 0) {
    if (is_begun) return self.complete(code, count);
    asio::post(descriptor_.get_executor(),
               [self = std::move(self), code, count]() mutable { self.complete(code, count); });
  }

  error_code failed(const Error& error) {
    failure_ = error;
    return asio::error::connection_reset;
  }

  template <typename Buffer, typename Buffers>
  static Buffer first_of(const Buffers& buffers) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
         ++at) {
      const Buffer buffer(*at);
      if (buffer.size() > 0) return buffer;
    }
    return {};
  }

  std::unique_ptr<Transport> transport_;
  asio::posix::stream_descriptor descriptor_;
  std::string outgoing_;
  std::optional<Error> failure_;
};

// What Beast asks of a stream at its end: the bytes below end with the connection.
template <typename Handler>
void async_teardown(beast::role_type /*role*/, Stream& stream, Handler&& handler) {
  stream.close();
  asio::post(stream.get_executor(),
             [handler = std::forward<Handler>(handler)]() mutable { handler(error_code()); });
}

void beast_close_socket(Stream& stream) {
  stream.close();
}

// What tasks that read, write or close share with the socket, which may go before they do.
struct Core {
  template <typename... Arguments>
  explicit Core(Arguments&&... arguments) : stream(std::forward<Arguments>(arguments)...) {}
  websocket::stream<Stream, false> stream;

  // In words, as far as they are known.
  [[nodiscard]] Error gone(const error_code& code) const {
    // Also when a write found the connection closed before a read has told why.
    if (const websocket::close_reason& reason = stream.reason(); reason.code != 0) {
      return Error{reason.code == websocket::close_code::too_big ? Fault::exhausted : Fault::gone,
                   "closed with the code " + std::to_string(reason.code) +
                       (reason.reason.empty() ? "" : ": ") +
                       std::string(reason.reason.data(), reason.reason.size()),
                   0};
    }
    const Stream& below = stream.next_layer();
    if (below.failure()) return below.failure()->within("the connection is lost");
    return Error{Fault::gone, "the connection is lost: " + code.message(), 0};
  }
};

Task<Result<WebSocket::Message>> read_message(std::shared_ptr<Core> core) {
  WebSocket::Message message;
  auto room = asio::dynamic_buffer(message.bytes);
  const auto [code, count] = co_await core->stream.async_read(room, kAwait);
  if (code) co_return core->gone(code);
  message.binary = core->stream.got_binary();
  co_return message;
}

Task<Status> write_message(std::shared_ptr<Core> core, bool binary, std::string bytes) {
  core->stream.binary(binary);
  const asio::const_buffer from(bytes.data(), bytes.size());
  const auto [code, count] = co_await core->stream.async_write(from, kAwait);
  if (code) co_return core->gone(code);
  co_return Status();
}

Task<> close_core(std::shared_ptr<Core> core, std::uint16_t code, std::string text) {
  websocket::close_reason reason;
  reason.code = code;
  text.resize(std::min(text.size(), reason.reason.max_size()));
  reason.reason = text;
  co_await core->stream.async_close(reason, kAwait);
}

class ClientWebSocket final : public WebSocket {
 public:
  explicit ClientWebSocket(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~ClientWebSocket() override { core_->stream.next_layer().close(); }

  Task<Result<Message>> read() override { return read_message(core_); }
  Task<Status> write(bool binary, std::string bytes) override {
    return write_message(core_, binary, std::move(bytes));
  }
  bool is_peer_gone() override {
    Stream& stream = core_->stream.next_layer();
    if (!stream.is_open()) return true;
    pollfd end{.fd = stream.native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&end, 1, 0) > 0;
  }
  Task<> close(std::uint16_t code, std::string reason) override {
    return close_core(core_, code, std::move(reason));
  }

 private:
  std::shared_ptr<Core> core_;
};

Response to_response(const websocket::response_type& answer) {
  Response response{.status = answer.result_int(), .content_type = {}, .headers = {}, .body = {}};
  for (const auto& field : answer)
    response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  response.content_type = std::string(answer[beast::http::field::content_type]);
  response.body = answer.body();
  return response;
}

}  // namespace

Task<Result<WebSocketAnswer>> connect_websocket(std::unique_ptr<Transport> transport,
                                                WebSocketRequest request,
                                                WebSocketLimits limits) {
  // Asio watches one descriptor once, and closes what it holds.
  Fd own(::fcntl(transport->descriptor(), F_DUPFD_CLOEXEC, 3));
  if (!own.is_open()) co_return base::os_error("dup", "a connection");
  const auto executor = co_await asio::this_coro::executor;
  auto core = std::make_shared<Core>(executor, std::move(transport), std::move(own));
  websocket::stream_base::timeout timeout{};
  timeout.handshake_timeout = kHandshake;
  timeout.idle_timeout = limits.idle;
  timeout.keep_alive_pings = true;
  core->stream.set_option(timeout);
  core->stream.auto_fragment(false);
  core->stream.write_buffer_bytes(kAtOnce);
  core->stream.read_message_max(limits.largest_message.bytes());
  websocket::stream_base::decorator decorator([&](websocket::request_type& head) {
    for (const Header& header : request.headers) head.set(header.name, header.value);
  });
  core->stream.set_option(std::move(decorator));
  websocket::response_type answer;
  const auto [code] =
      co_await core->stream.async_handshake(answer, request.host, request.target, kAwait);
  WebSocketAnswer outcome;
  if (code == websocket::error::upgrade_declined) {
    outcome.refusal = to_response(answer);
  } else if (code) {
    co_return core->gone(code);
  } else {
    outcome.socket = std::make_unique<ClientWebSocket>(core);
  }
  co_return outcome;
}

}  // namespace retort::http
