// WebSocket: one accepted connection (RFC 6455).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "async/task.h"
#include "base/error.h"
#include "base/units.h"

namespace retort::http {

using async::Task;

struct WebSocketLimits {
  base::ByteSize largest_message = base::ByteSize::of_bytes(1ULL << 20U);
  // Without a byte from the peer for this long the connection is closed. After half of it we ping,
  // so a peer that lives stays.
  base::Duration idle = std::chrono::seconds(60);
  // A message that has begun must be whole in this time, and a second for each `least_rate` bytes
  // of it that came.
  base::Duration message = std::chrono::seconds(30);
  base::ByteSize least_rate = base::ByteSize::of_bytes(500);  // the server's, of what it accepts
  // A write during which the peer takes nothing for this long ends the connection.
  base::Duration stall = std::chrono::seconds(30);
  // Asked before more of a message is taken into memory; false closes the connection with 1013. The
  // server's, of what it accepts.
  std::function<bool()> has_room;
};

// One read and one write at a time; both may be under way together. All on the server's thread.
class WebSocket {
 public:
  struct Message {
    bool binary = false;
    std::string bytes;  // UTF-8 unless binary (the connection is closed with 1007 otherwise)
  };

  WebSocket() = default;
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;
  virtual ~WebSocket() = default;

  // The next message. Pings are answered while this waits, and only then: a handler has a read
  // under way, always but for moments. Fault::gone when the connection is closed, whoever closed it
  // and why. A message that is too large is closed with 1009, a flood of frames that are no
  // messages with 1008. A read or write that is cancelled (async::within) ends the connection.
  virtual Task<base::Result<Message>> read() = 0;
  // Returns when the kernel has taken all of it. Fault::gone as above.
  virtual Task<base::Status> write(bool binary, std::string bytes) = 0;
  // Has the peer closed or reset its connection, as far as the kernel knows? For those who do not
  // read, because they have no use for more yet: a read would not tell before what lies before it.
  [[nodiscard]] virtual bool is_peer_gone() = 0;
  // Says why, and waits a few seconds at most for the peer to agree. `reason`: at most 123 bytes,
  // the rest is cut.
  virtual Task<> close(std::uint16_t code, std::string reason) = 0;
};

// One that a client of ours opened.
class AcceptedWebSocket : public WebSocket {
 public:
  // A part of the next message has come, and not yet its end.
  [[nodiscard]] virtual bool is_message_begun() const = 0;
  // Of the messages after the one that was read last.
  virtual void limit_messages(base::ByteSize largest) = 0;
};

}  // namespace retort::http
