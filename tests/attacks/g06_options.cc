// G06, G10: options of sockets behind which other code of the kernel lies; and as much traffic as a
// cell can make, of which the host's tables keep nothing.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

void expect_only(unsigned long socket,
                 unsigned long level,
                 const std::set<unsigned long>& options) {
  const int zero[8] = {};
  for (unsigned long option = 0; option < 300; ++option) {
    const int answer = answer_of(SYS_setsockopt, {socket, level, option, address_of(zero), 4});
    expect((answer != ENOSYS) == options.contains(option),
           "option " + std::to_string(option) + " of level " + std::to_string(level) + ": " +
               (answer == 0 ? "allowed" : strerrorname_np(answer)));
  }
}

int run(unsigned) {
  const auto four = static_cast<unsigned long>(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto six = static_cast<unsigned long>(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  expect_only(four,
              IPPROTO_TCP,
              {TCP_NODELAY,
               TCP_MAXSEG,
               TCP_CORK,
               TCP_KEEPIDLE,
               TCP_KEEPINTVL,
               TCP_KEEPCNT,
               TCP_QUICKACK,
               TCP_USER_TIMEOUT});
  expect_only(four, IPPROTO_IP, {});
  expect_only(four, IPPROTO_UDP, {});
  expect_only(four, 132 /* SCTP */, {});
  expect_only(four, 282 /* TLS */, {});
  expect_only(six, IPPROTO_IPV6, {IPV6_V6ONLY});
  expect_only(six, IPPROTO_ICMPV6, {});
  expect_only(four,
              SOL_SOCKET,
              {SO_REUSEADDR,
               SO_BROADCAST,
               SO_SNDBUF,
               SO_RCVBUF,
               SO_KEEPALIVE,
               SO_LINGER,
               SO_REUSEPORT,
               SO_PASSCRED,
               SO_RCVTIMEO,
               SO_SNDTIMEO});
  return verdict();
}

const Enrol kAttack{{.id = "G06",
                     .what = "options of sockets: upper-layer protocols, multicast, tables",
                     .run = run,
                     .limits = {"network=loopback"}}};

constexpr int kConnections = 3000;
constexpr int kDatagrams = 20'000;

int run_flood(unsigned) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  expect(::bind(listener, any, size) == 0 && ::listen(listener, 64) == 0 &&
             ::getsockname(listener, any, &size) == 0,
         "its own loopback cannot be listened on");
  int made = 0;
  for (int i = 0; i < kConnections; ++i) {
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(out, any, size) == 0) ++made;
    ::close(out);
    ::close(::accept(listener, nullptr, nullptr));
  }
  expect(made == kConnections, "only " + std::to_string(made) + " connections");
  const int datagram = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (int i = 0; i < kDatagrams; ++i) {
    // 127.0.0.0/8 is all its own; the table of neighbours stays empty.
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<unsigned>(i));
    (void)::sendto(datagram, "x", 1, 0, any, size);
  }
  return verdict();
}

const Enrol kFlood{{.id = "G10",
                    .what = "floods on sixteen loopbacks, whose namespaces then go",
                    .run = run_flood,
                    .limits = {"network=loopback", "cpu_time=10s", "wall_time=40s"},
                    .cells = {.count = 16, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
