// WebSocket client: a connection that we open (RFC 6455), over bytes that somebody else moves: TCP,
// TLS, a proxy's tunnel.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "http/message.h"
#include "http/websocket.h"

namespace retort::http {

// A connected stream that never waits.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // What to wait for: readable or writable when more can be had (epoll(7)).
  [[nodiscard]] virtual int descriptor() const = 0;
  // How many bytes came, or went; 0 of what came is the end. Nothing: not now. What could not be
  // sent now is sent with the next call, from the same place.
  virtual base::Result<std::optional<std::size_t>> receive(char* room, std::size_t size) = 0;
  virtual base::Result<std::optional<std::size_t>> send(const char* bytes, std::size_t size) = 0;
};

struct WebSocketRequest {
  std::string host;    // the header's value
  std::string target;  // "/v1/interactive"
  std::vector<Header> headers;
};

// Either of both.
struct WebSocketAnswer {
  std::unique_ptr<WebSocket> socket;
  std::optional<Response> refusal;
};

// An Error: there is no answer, or none that makes sense. Of `limits`, `message` and `stall` are
// not looked at: we trust the server that we called, as long as it lives. Destroying the socket
// ends the connection. An error of the socket's says how the server closed it, if it did;
// Fault::exhausted: because a message of ours was too large for it (1009).
async::Task<base::Result<WebSocketAnswer>> connect_websocket(std::unique_ptr<Transport> transport,
                                                             WebSocketRequest request,
                                                             WebSocketLimits limits);

}  // namespace retort::http
