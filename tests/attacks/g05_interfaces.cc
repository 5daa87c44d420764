// G05, G06: interfaces, routes and neighbours: there is one loopback, and nothing of it can be
// turned. What the harness's other cells listen on is not seen.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sstream>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

void expect_one_interface() {
  std::istringstream lines(read_file("/proc/self/net/dev"));
  unsigned count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto name = line.substr(line.find_first_not_of(' '));
    if (count >= 2) expect(name.starts_with("lo:"), "an interface: " + name.substr(0, 16));
  }
  expect(count == 3, std::to_string(count) + " lines of interfaces");
  std::istringstream routes(read_file("/proc/self/net/route"));
  unsigned lines_of_routes = 0;
  for (std::string line; std::getline(routes, line);) ++lines_of_routes;
  expect(lines_of_routes <= 1, "a route: " + std::to_string(lines_of_routes));
  for (const char* name : {"packet", "netlink", "arp", "raw", "fib_trie"}) {
    const std::string text = read_file("/proc/self/net/" + std::string(name));
    expect(text.find("10.") == std::string::npos && text.find("192.168.") == std::string::npos,
           std::string("/proc/self/net/") + name + " tells of a network");
  }
}

int run(unsigned place) {
  expect_one_interface();
  // The same port in every cell.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(4242);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  const auto* any = reinterpret_cast<const sockaddr*>(&address);
  expect(::bind(listener, any, sizeof address) == 0 && ::listen(listener, 8) == 0,
         "another cell has port 4242");
  sockaddr_in other = address;
  other.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  other.sin_port = htons(static_cast<unsigned short>(4300 + place));
  const int second = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  expect(::bind(second, reinterpret_cast<const sockaddr*>(&other), sizeof other) == 0 &&
             ::listen(second, 8) == 0,
         "its own port is in use");
  ::usleep(400'000);
  other.sin_port = htons(static_cast<unsigned short>(4300 + 1 - place));
  const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  expect_refused(::connect(out, reinterpret_cast<const sockaddr*>(&other), sizeof other),
                 {ECONNREFUSED},
                 "another cell's port");
  expect_refused(::accept(listener, nullptr, nullptr), {EAGAIN}, "somebody came");
  for (const unsigned long command :
       {0x8914UL /* SIOCSIFFLAGS */, 0x8916UL, 0x890BUL, 0x8953UL, 0x8946UL, 0x89A0UL, 0x8927UL})
    expect_answer({"a command on interfaces",
                   SYS_ioctl,
                   {static_cast<unsigned long>(out), command, address_of(&other)},
                   ENOSYS});
  for (const int port : {1, 22, 80}) {
    sockaddr_in low = address;
    low.sin_port = htons(static_cast<unsigned short>(port));
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    expect_refused(::bind(socket, reinterpret_cast<const sockaddr*>(&low), sizeof low),
                   {EACCES},
                   "a port of services");
  }
  ::usleep(400'000);
  return verdict();
}

const Enrol kAttack{{.id = "G05",
                     .what = "interfaces, routes and the ports of another cell",
                     .run = run,
                     .limits = {"network=loopback"},
                     .cells = {.count = 2, .order = Cells::Order::together}}};

int run_none(unsigned) {
  expect_one_interface();
  expect_answer({"a socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, ENOSYS});
  expect_answer({"a socket over IPv6", SYS_socket, {AF_INET6, SOCK_DGRAM, 0}, ENOSYS});
  return verdict();
}

const Enrol kNone{{.id = "G05b",
                   .what = "interfaces and routes, from a cell without network",
                   .run = run_none,
                   .limits = {"network=none"}}};

}  // namespace
}  // namespace retort::attacks
