// Exchange: one request and the answer to it, as a handler sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "base/units.h"
#include "http/message.h"
#include "http/websocket.h"

namespace retort::http {

using async::Task;

// Lives until the handler returns. One operation at a time, all on the server's thread; one that is
// cancelled (async::within) ends the connection.
//
// A handler that returns without an answer is answered for: with what made a read of the body fail
// (400, 408, 413), else with 500. So `co_return` is right after a failed read. One that returns
// between begin and end cuts the connection, so that the client sees that the answer is not whole.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const RequestHead& head() const = 0;

  // The whole body. Fault::exhausted when it is larger than `limit`: known from Content-Length
  // before a byte is read or asked for by 100 Continue, else without keeping more than that.
  // Fault::invalid: not a well-formed body. Fault::gone: the client left, or (ETIMEDOUT) was slow.
  virtual Task<base::Result<std::string>> read_all(base::ByteSize limit) = 0;
  // Some bytes of the body; 0 at its end. Errors as above. `into` stays the caller's.
  virtual Task<base::Result<std::size_t>> read_some(std::span<char> into) = 0;

  // `callback` is called once, from the loop, when the client closes its connection (its sending
  // side is enough) or when the server cuts it, while the handler works; not before the body has
  // been read, and never after the handler returned. Do not destroy anything of the handler's in
  // it: set an Event, cancel a job.
  virtual void on_gone(std::function<void()> callback) = 0;

  // The whole answer, in one write. To HEAD, its headers. Fault::gone: the client has left.
  // Fault::internal: there was an answer already, or a header is not fit to be sent.
  virtual Task<base::Status> respond(Response response) = 0;

  // An answer whose length is not known: chunked, or by a Content-Length among `headers`, of which
  // write must then bring every byte. The head is sent at once.
  virtual Task<base::Status> begin(unsigned status, std::vector<Header> headers) = 0;
  // Returns when the kernel has taken it. Nothing is sent for HEAD.
  virtual Task<base::Status> write(std::string bytes) = 0;
  virtual Task<base::Status> end() = 0;

  // Only if head().wants_websocket. `subprotocol` is sent when not empty. The exchange is then
  // without use; the WebSocket must not outlive the handler.
  virtual Task<base::Result<std::unique_ptr<AcceptedWebSocket>>> accept_websocket(
      WebSocketLimits limits, std::string subprotocol) = 0;
};

// Called for each request. A Task that ends by an exception counts as returned without an answer.
// A lambda that captures must not itself be a coroutine; let it call one with what it captured.
using Handler = std::function<Task<>(Exchange&)>;

}  // namespace retort::http
