// B18: memory that waits in internet sockets of the cell's own loopback, where nobody reads it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "attacks/tools.h"

namespace retort::attacks {
namespace {

constexpr std::uint64_t kLimit = 64U << 20U;
constexpr std::uint64_t kMost = kLimit * 4;  // it stops by itself

sockaddr_in any_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Binds, and tells to which port.
sockaddr_in bind_somewhere(int socket) {
  sockaddr_in address = any_port();
  socklen_t size = sizeof address;
  expect(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0, "no free port");
  (void)::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

void expect_within(std::uint64_t held) {
  expect(held > 0, "nothing came at all");
  expect(held <= kLimit, "sockets held " + std::to_string(held) + " bytes");
}

int run_datagrams(unsigned) {
  constexpr int kSockets = 1900;
  constexpr int kEach = 30;
  const std::string datagram(7500, 'x');  // with what the kernel adds, nearly 8 KiB
  const int sender = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::vector<int> sockets;
  for (int i = 0; i < kSockets && static_cast<std::uint64_t>(i) * kEach * 7500 < kMost; ++i) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) break;
    const sockaddr_in to = bind_somewhere(socket);
    for (int n = 0; n < kEach; ++n) {
      (void)::sendto(sender,
                     datagram.data(),
                     datagram.size(),
                     0,
                     reinterpret_cast<const sockaddr*>(&to),
                     sizeof to);
    }
    sockets.push_back(socket);
  }
  // Only what was kept can be read.
  std::uint64_t held = 0;
  std::string buffer(datagram.size(), '\0');
  for (const int socket : sockets) {
    for (ssize_t count = 0; (count = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;)
      held += static_cast<std::uint64_t>(count);
  }
  expect_within(held);
  return verdict();
}

int run_streams(unsigned) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = bind_somewhere(listener);
  (void)::listen(listener, 128);
  const std::string block(64U << 10U, 'x');
  std::uint64_t held = 0;
  for (int i = 0; i < 400 && held < kMost; ++i) {
    const int from = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (from < 0 || ::connect(from, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) break;
    if (::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) < 0) break;
    for (ssize_t count = 0;
         (count = ::send(from, block.data(), block.size(), MSG_DONTWAIT)) > 0 && held < kMost;)
      held += static_cast<std::uint64_t>(count);
  }
  expect_within(held);
  return verdict();
}

const Enrol kDatagrams{{.id = "B18",
                        .what = "datagrams that nobody reads",
                        .run = run_datagrams,
                        .statuses = {"ok", "memory_limit"},
                        .may_hit = {"memory"},
                        .limits = {"memory=64MiB", "open_files=2048", "network=loopback"}}};
const Enrol kStreams{{.id = "B18b",
                      .what = "connections whose other end reads nothing",
                      .run = run_streams,
                      .statuses = {"ok", "memory_limit"},
                      .may_hit = {"memory"},
                      .limits = {"memory=64MiB", "network=loopback"}}};

}  // namespace
}  // namespace retort::attacks
