// Server: HTTP/1.1 on TCP and Unix sockets, with a bound on everything a client can hold.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "async/task.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "http/exchange.h"

namespace retort::http {

namespace asio = async::asio;

struct Options {
  base::ByteSize header_bytes =
      base::ByteSize::of_bytes(16ULL << 10U);  // of a request's line and headers
  std::size_t header_count = 100;

  // From the first byte of a request, or from the connection, until its head is whole.
  base::Duration header_time = std::chrono::seconds(10);
  // What a body may keep us waiting without a byte; in all, as long as this plus a second for each
  // `least_rate` bytes that came.
  base::Duration body_idle = std::chrono::seconds(30);
  // The same for an answer that the client does not take.
  base::Duration write_stall = std::chrono::seconds(30);
  base::ByteSize least_rate = base::ByteSize::of_bytes(500);  // a second
  base::Duration keep_alive = std::chrono::seconds(60);
  std::uint64_t requests_per_connection = 100'000;

  std::size_t connections = 1024;
  // From one IPv4 address, or one IPv6 /64. Unix sockets are one peer, of which all are allowed.
  std::size_t connections_per_address = 256;

  // How much of an unread body is read and dropped, and for how long, so that the client sees the
  // answer before the connection closes.
  base::ByteSize linger_bytes = base::ByteSize::of_bytes(16ULL << 20U);
  base::Duration linger = std::chrono::seconds(5);

  // Asked before more of a body is taken into memory; false refuses the request, as no memory does.
  std::function<bool()> has_room;
  // A line for the operator: a handler that threw, accepting that fails. Default: stderr.
  std::function<void(const std::string&)> log;
};

struct Statistics {
  std::uint64_t accepted = 0;
  std::uint64_t refused_full = 0;         // 503: too many connections
  std::uint64_t refused_per_address = 0;  // 503: too many of that address
  std::uint64_t refused_descriptors = 0;  // 503: no descriptor was left
  std::uint64_t requests = 0;             // whose head was well-formed
  std::uint64_t bad_requests = 0;         // answered by the server itself: 400, 408, 414, …
  std::size_t open = 0;
  std::size_t open_websockets = 0;
};

// All on the thread of the io_context, which outlives the server.
class Server {
 public:
  static base::Result<std::unique_ptr<Server>> create(asio::io_context& context,
                                                      Options options,
                                                      Handler handler);
  Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Cuts what is still open.
  virtual ~Server() = default;

  // "127.0.0.1:8080", "[::1]:8080", ":8080" (every address of both families). Port 0: any free one.
  virtual base::Status listen_tcp(std::string_view address) = 0;
  // A socket file that nobody listens on any more is replaced; it is removed when we stop.
  virtual base::Status listen_unix(const std::string& path, mode_t mode) = 0;
  // A socket that listens already (socket activation, sd_listen_fds(3)).
  virtual base::Status adopt(base::Fd listening) = 0;
  // With real ports: "127.0.0.1:41063", "unix:/run/retort/http".
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;

  // Closes the listening sockets; connections go on.
  virtual void stop_accepting() = 0;
  // Stops accepting, closes idle connections, has each request answered with `Connection: close`,
  // and returns when the last handler has. After `limit` what is left is cut (on_gone is called,
  // WebSockets read Fault::gone), and waited for shortly.
  virtual Task<> drain(base::Duration limit) = 0;

  [[nodiscard]] virtual Statistics statistics() const = 0;
};

}  // namespace retort::http
