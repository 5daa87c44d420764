// WebSocket: the bytes of a client behind its handshake, as frames; what holds of each message that
// is taken and of all that is answered. The first byte says in what pieces the others come.
#include "http/websocket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "fuzz/fuzz.h"
#include "http/server.h"
#include "http/websocket_stream.h"

namespace retort::http {
namespace {

using fuzz::require;

constexpr std::size_t kLargestMessage = 200;
constexpr std::size_t kSmallestFrame = 6;  // of a client: two bytes and a mask
constexpr std::chrono::seconds kPatience(5);

struct Heard {
  std::vector<WebSocket::Message> messages;
  bool is_over = false;
};

RequestHead handshake() {
  RequestHead head;
  head.method = "GET";
  head.path = "/";
  head.headers = {{"Host", "localhost"},
                  {"Connection", "Upgrade"},
                  {"Upgrade", "websocket"},
                  {"Sec-WebSocket-Version", "13"},
                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return head;
}

Task<> hear(Socket socket, Heard& heard) {
  WebSocketLimits limits;
  limits.largest_message = base::ByteSize::of_bytes(kLargestMessage);
  auto opened = co_await open_websocket(std::move(socket), handshake(), limits, "");
  require(opened.has_value(), "a handshake succeeds");
  while (true) {
    auto message = co_await opened->socket->read();
    if (!message) break;
    heard.messages.push_back(*std::move(message));
  }
  heard.is_over = true;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

// A server that only listens sends pongs, and at most one close frame, which is the last.
void check_answers(std::string_view text) {
  constexpr std::uint8_t kFinalClose = 0x88;
  constexpr std::uint8_t kFinalPong = 0x8a;
  const std::size_t head = text.find("\r\n\r\n");
  require(text.starts_with("HTTP/1.1 101 ") && head != std::string_view::npos, "it is upgraded");
  text.remove_prefix(head + 4);
  while (!text.empty()) {
    require(text.size() >= 2, "a frame is whole");
    const auto kind = static_cast<std::uint8_t>(text[0]);
    const auto size = static_cast<std::uint8_t>(text[1]);
    require(kind == kFinalClose || kind == kFinalPong, "an answer is a pong or a close");
    require(size <= 125 && text.size() >= 2U + size, "a control frame is short and whole");
    const std::string_view payload = text.substr(2, size);
    text.remove_prefix(2U + size);
    if (kind != kFinalClose) continue;
    require(text.empty(), "nothing comes after a close");
    require(payload.empty() || payload.size() >= 2, "a close has a code or nothing");
    require(payload.empty() || base::is_utf8(payload.substr(2)), "a reason is text");
  }
}

std::vector<WebSocket::Message> talk(std::string_view bytes, std::size_t step) {
  std::array<int, 2> ends{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0,
          "there are sockets");
  const base::Fd theirs(ends[1]);
  asio::io_context context(1);
  Heard heard;
  async::spawn(context.get_executor(),
               hear(Socket(context, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]), heard));
  context.poll();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    const std::string_view piece = bytes.substr(0, step);
    // Fails when the server has closed the connection, which is its right.
    (void)::send(theirs.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    context.restart();
    context.poll();
  }
  (void)::shutdown(theirs.get(), SHUT_WR);
  context.restart();
  context.run_for(kPatience);
  require(heard.is_over, "a client that has left is not waited for");
  check_answers(read_all(theirs.get()));
  return heard.messages;
}

bool is_same(const WebSocket::Message& one, const WebSocket::Message& other) {
  return one.binary == other.binary && one.bytes == other.bytes;
}

void check(std::string_view bytes, std::size_t step) {
  const auto at_once = talk(bytes, bytes.size());
  require(at_once.size() * kSmallestFrame <= bytes.size(), "messages come in frames");
  std::size_t sum = 0;
  for (const WebSocket::Message& message : at_once) {
    require(message.bytes.size() <= kLargestMessage, "a message is within its limit");
    require(message.binary || base::is_utf8(message.bytes), "a text is text");
    sum += message.bytes.size();
  }
  require(sum <= bytes.size(), "nothing is made up");
  const auto in_pieces = talk(bytes, step);
  require(std::ranges::equal(at_once, in_pieces, is_same),
          "frames mean the same, however they come");
}

}  // namespace
}  // namespace retort::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr std::size_t kLargestStep = 16;
  retort::http::check(retort::fuzz::text_of(data, size).substr(1), 1 + data[0] % kLargestStep);
  return 0;
}
