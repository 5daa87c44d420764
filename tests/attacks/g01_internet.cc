// G01, G02, G03: the internet, the cloud's own services, and what listens on the host: from a cell
// with a loopback of its own, and from one without any network.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr const char* kInternet[] = {"1.1.1.1",
                                     "8.8.8.8",
                                     "93.184.216.34",
                                     "10.0.0.1",
                                     "172.16.0.1",
                                     "192.168.0.1",
                                     "100.64.0.1",
                                     "224.0.0.1",
                                     "255.255.255.255",
                                     "2606:4700:4700::1111",
                                     "fe80::1",
                                     "fc00::1",
                                     "ff02::1",
                                     "::ffff:1.1.1.1",
                                     "64:ff9b::101:101"};
constexpr const char* kMetadata[] = {"169.254.169.254",
                                     "fd00:ec2::254",
                                     "100.100.100.200",
                                     "169.254.170.2",
                                     "168.63.129.16",
                                     "192.0.0.192"};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* any() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of_text(const std::string& text, int number) {
  const auto port = static_cast<unsigned short>(number);
  Address address;
  if (text.find(':') != std::string::npos) {
    auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    six->sin6_scope_id = text.starts_with("fe80") || text.starts_with("ff02") ? 1 : 0;
    ::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr);
    address.size = sizeof *six;
  } else {
    auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    ::inet_aton(text.c_str(), &four->sin_addr);
    address.size = sizeof *four;
  }
  return address;
}

int new_socket(const Address& address, int kind) {
  return ::socket(address.storage.ss_family, kind | SOCK_CLOEXEC, 0);
}

// Nothing leads there: the kernel says so at once, for streams and for datagrams.
void expect_unreachable(const std::string& text) {
  const std::vector<int> errnos = {ENETUNREACH, EACCES, EADDRNOTAVAIL, EINVAL};
  for (const int port : {53, 80, 443}) {
    const Address address = address_of_text(text, port);
    const int stream = new_socket(address, SOCK_STREAM | SOCK_NONBLOCK);
    expect(stream >= 0, "no stream socket: this is the loopback variant");
    expect_refused(::connect(stream, address.any(), address.size), errnos, "TCP to " + text);
    const int datagram = new_socket(address, SOCK_DGRAM);
    expect_refused(
        ::sendto(datagram, "x", 1, 0, address.any(), address.size), errnos, "UDP to " + text);
    ::close(stream);
    ::close(datagram);
  }
}

void expect_no_other_kinds() {
  struct Kind {
    const char* name;
    unsigned long family;
    unsigned long kind;
    unsigned long protocol;
  };
  for (const Kind& kind : {Kind{"raw IPv4", AF_INET, SOCK_RAW, IPPROTO_ICMP},
                           {"raw IPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
                           {"SCTP", AF_INET, SOCK_SEQPACKET, 132},
                           {"DCCP", AF_INET, 6, 33},
                           {"packet", AF_PACKET, SOCK_RAW, 0},
                           {"packet, cooked", AF_PACKET, SOCK_DGRAM, 0},
                           {"routes", AF_NETLINK, SOCK_RAW, 0},
                           {"uevents", AF_NETLINK, SOCK_DGRAM, 15},
                           {"netfilter", AF_NETLINK, SOCK_RAW, 12},
                           {"xfrm", AF_NETLINK, SOCK_RAW, 6},
                           {"vsock", AF_VSOCK, SOCK_STREAM, 0},
                           {"bluetooth", AF_BLUETOOTH, SOCK_RAW, 1},
                           {"CAN", AF_CAN, SOCK_RAW, 1},
                           {"TIPC", AF_TIPC, SOCK_SEQPACKET, 0},
                           {"RDS", AF_RDS, SOCK_SEQPACKET, 0},
                           {"RxRPC", AF_RXRPC, SOCK_DGRAM, 2},
                           {"key", AF_KEY, SOCK_RAW, 2},
                           {"XDP", AF_XDP, SOCK_RAW, 0},
                           {"KCM", AF_KCM, SOCK_DGRAM, 0},
                           {"SMC", AF_SMC, SOCK_STREAM, 0},
                           {"QIPCRTR", AF_QIPCRTR, SOCK_DGRAM, 0},
                           {"PPP", AF_PPPOX, SOCK_STREAM, 0}}) {
    for (const unsigned long upper : {0UL, static_cast<unsigned long>(SOCK_CLOEXEC)}) {
      expect_answer(
          {kind.name, SYS_socket, {kind.family, kind.kind | upper, kind.protocol}, ENOSYS});
    }
    int pair[2];
    expect_answer({kind.name,
                   SYS_socketpair,
                   {kind.family, kind.kind, kind.protocol, address_of(pair)},
                   ENOSYS});
  }
}

// Ping without privilege is a datagram socket: the range of groups that may is empty.
void expect_no_ping() {
  expect_refused(::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), {EACCES, EPROTONOSUPPORT}, "ping");
  expect_refused(
      ::socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), {EACCES, EPROTONOSUPPORT}, "ping over IPv6");
}

int run_internet(unsigned) {
  for (const char* address : kInternet) expect_unreachable(address);
  expect_no_other_kinds();
  expect_no_ping();
  return verdict();
}

const Enrol kInternetAttack{{.id = "G01",
                             .what = "the internet, from a cell with loopback",
                             .run = run_internet,
                             .limits = {"network=loopback"},
                             .portable = true}};

int run_metadata(unsigned) {
  for (const char* address : kMetadata) expect_unreachable(address);
  return verdict();
}

const Enrol kMetadataAttack{{.id = "G02",
                             .what = "services of the cloud, from a cell with loopback",
                             .run = run_metadata,
                             .limits = {"network=loopback"},
                             .portable = true}};

// Without network there is no socket to try it with.
int run_none(unsigned) {
  constexpr unsigned long kFamilies[] = {AF_INET, AF_INET6};
  constexpr unsigned long kKinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};
  constexpr unsigned long kFlags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC};
  constexpr unsigned long kProtocols[] = {0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 262};
  constexpr unsigned long kLevels[] = {IPPROTO_TCP, IPPROTO_IPV6, IPPROTO_IP};
  for (const unsigned long family : kFamilies) {
    for (const unsigned long kind : kKinds) {
      for (const unsigned long flags : kFlags) {
        for (const unsigned long protocol : kProtocols) {
          expect_answer(
              {"an internet socket", SYS_socket, {family, kind | flags, protocol}, ENOSYS});
        }
      }
    }
  }
  expect_no_other_kinds();
  int pair[2];
  expect(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no local sockets");
  for (const unsigned long level : kLevels) {
    for (unsigned long option = 0; option < 80; ++option) {
      expect_answer({"an internet option",
                     SYS_setsockopt,
                     {static_cast<unsigned long>(pair[0]), level, option, address_of(pair), 4},
                     ENOSYS});
    }
  }
  return verdict();
}

const Enrol kNone{{.id = "G01b",
                   .what = "the internet, from a cell without network",
                   .run = run_none,
                   .limits = {"network=none"}}};
const Enrol kNoMetadata{{.id = "G02b",
                         .what = "services of the cloud, from a cell without network",
                         .run = run_none,
                         .limits = {"network=none"}}};

// Every port of every name that the host's loopback has. The harness has services there, and counts
// who comes.
void knock(const std::string& text, int kind) {
  for (int port = 1; port < 65536; ++port) {
    const Address address = address_of_text(text, port);
    const int socket = new_socket(address, kind);
    if (kind == SOCK_DGRAM) {
      (void)::sendto(socket, "retort", 6, 0, address.any(), address.size);
      ::close(socket);
      continue;
    }
    const int result = ::connect(socket, address.any(), address.size);
    // A port that connects to itself is its own.
    if (result == 0) {
      sockaddr_storage own{};
      socklen_t size = sizeof own;
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
      if (reinterpret_cast<const sockaddr_in*>(&own)->sin_port !=
          htons(static_cast<unsigned short>(port)))
        breach("port " + std::to_string(port) + " of " + text + " answers");
    }
    ::close(socket);
  }
}

int run_host(unsigned) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    knock(address, SOCK_STREAM);
    knock(address, SOCK_DGRAM);
  }
  // Other words for the same place, and addresses that a host itself often has.
  for (const char* address : {"0.0.0.0",
                              "127.1",
                              "2130706433",
                              "0177.0.0.1",
                              "0x7f.1",
                              "127.255.255.254",
                              "::ffff:127.0.0.1"}) {
    for (const int port :
         {22, 53, 80, 111, 443, 631, 2375, 2376, 3306, 4222, 5432, 6379, 8080, 9090, 10250}) {
      const Address place = address_of_text(address, port);
      const int socket = new_socket(place, SOCK_STREAM);
      expect_refused(::connect(socket, place.any(), place.size),
                     {ECONNREFUSED},
                     std::string(address) + " port " + std::to_string(port));
      ::close(socket);
    }
  }
  for (const char* address : {"10.0.2.2", "172.17.0.1", "192.168.122.1"})
    expect_unreachable(address);
  // Its own loopback works: what it listens on, it reaches.
  const Address any = address_of_text("127.0.0.1", 0);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Address bound = any;
  expect(::bind(listener, any.any(), any.size) == 0 && ::listen(listener, 1) == 0 &&
             ::getsockname(listener, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size) == 0,
         "its own loopback cannot be listened on");
  const int back = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  expect(::connect(back, bound.any(), bound.size) == 0, "its own loopback cannot be reached");
  return verdict();
}

const Enrol kHost{{.id = "G03",
                   .what = "what listens on the host's loopback, from a cell with its own",
                   .run = run_host,
                   .limits = {"network=loopback", "cpu_time=30s", "wall_time=60s"},
                   .portable = true}};

}  // namespace
}  // namespace retort::attacks
