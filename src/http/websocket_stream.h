// WebSocketStream: takes a socket over from HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/message.h"
#include "http/websocket.h"
#include "http/wire.h"

namespace retort::http {

struct OpenedWebSocket {
  std::unique_ptr<AcceptedWebSocket> socket;
  std::function<void()> cut;  // ends the connection, also when `socket` is gone already
};

// Answers the handshake that `head` asks for (RFC 6455, 4.2.2).
Task<base::Result<OpenedWebSocket>> open_websocket(Socket socket,
                                                   RequestHead head,
                                                   WebSocketLimits limits,
                                                   std::string subprotocol);

}  // namespace retort::http
