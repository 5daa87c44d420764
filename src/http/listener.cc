// Listener: socket(7), tcp(7), unix(7).
#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/units.h"

namespace retort::http {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr int kBacklog = 1024;

union AnyAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
  sockaddr_storage room;
};

struct Endpoint {
  AnyAddress address{};
  socklen_t size = 0;
  bool both_families = false;
};

Result<Endpoint> parse_endpoint(std::string_view text) {
  const Error malformed{
      Fault::invalid,
      "address '" + std::string(text) + "': write 127.0.0.1:8080, [::1]:8080 or :8080",
      0};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed;
  const auto port = base::parse_count(text.substr(colon + 1), 65535);
  if (!port) return malformed;
  std::string host(text.substr(0, colon));
  const bool is_v6 = host.starts_with('[') && host.ends_with(']');
  if (is_v6) host = host.substr(1, host.size() - 2);
  const auto network_port = htons(static_cast<std::uint16_t>(*port));
  Endpoint endpoint;
  if (is_v6 || host.empty()) {
    endpoint.address.v6 = {};
    endpoint.address.v6.sin6_family = AF_INET6;
    endpoint.address.v6.sin6_port = network_port;
    endpoint.address.v6.sin6_addr = in6addr_any;
    endpoint.size = sizeof(sockaddr_in6);
    endpoint.both_families = host.empty();
    if (!host.empty() && ::inet_pton(AF_INET6, host.c_str(), &endpoint.address.v6.sin6_addr) != 1)
      return malformed;
    return endpoint;
  }
  endpoint.address.v4 = {};
  endpoint.address.v4.sin_family = AF_INET;
  endpoint.address.v4.sin_port = network_port;
  endpoint.size = sizeof(sockaddr_in);
  if (::inet_pton(AF_INET, host.c_str(), &endpoint.address.v4.sin_addr) != 1) return malformed;
  return endpoint;
}

std::string describe(const AnyAddress& address, socklen_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (address.any.sa_family) {
    case AF_INET:
      ::inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
      return std::string(text.data()) + ":" + std::to_string(ntohs(address.v4.sin_port));
    case AF_INET6: {
      const std::string port = ":" + std::to_string(ntohs(address.v6.sin6_port));
      if (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
        ::inet_ntop(AF_INET, &address.v6.sin6_addr.s6_addr[12], text.data(), text.size());
        return text.data() + port;
      }
      ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
      return "[" + std::string(text.data()) + "]" + port;
    }
    case AF_UNIX: {
      const auto room = size > offsetof(sockaddr_un, sun_path)
                            ? size - offsetof(sockaddr_un, sun_path)
                            : std::size_t{0};
      const char* path = &address.local.sun_path[0];
      return "unix:" + std::string(path, ::strnlen(path, room));
    }
    default:
      return "unknown";
  }
}

// One IPv4 address; one IPv6 /64, which is what one subscriber has at least.
std::string limited_by(const AnyAddress& address) {
  std::array<char, 8> prefix{};
  if (address.any.sa_family == AF_INET) {
    std::memcpy(prefix.data(), &address.v4.sin_addr, 4);
    return std::string(prefix.data(), 4);
  }
  if (address.any.sa_family != AF_INET6) return "";
  const auto* bytes = &address.v6.sin6_addr.s6_addr[0];
  const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr);
  std::memcpy(prefix.data(), is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 8);
  return std::string(prefix.data(), is_mapped ? 4 : 8);
}

Result<Fd> open_socket(int family) {
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return os_error("socket", "");
  return socket;
}

Status set_option(const Fd& socket, int level, int name, int value) {
  if (::setsockopt(socket.get(), level, name, &value, sizeof value) != 0)
    return os_error("setsockopt", "");
  return {};
}

Result<Fd> bind_tcp(const Endpoint& endpoint, std::string_view name) {
  RETORT_TRY(Fd socket, open_socket(endpoint.address.any.sa_family));
  RETORT_CHECK(set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1));
  if (endpoint.address.any.sa_family == AF_INET6)
    RETORT_CHECK(set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, endpoint.both_families ? 0 : 1));
  if (::bind(socket.get(), &endpoint.address.any, endpoint.size) != 0)
    return os_error("listen on", name);
  return socket;
}

// A socket file outlives who made it; whether somebody listens, connecting tells.
Status remove_stale(const AnyAddress& address, socklen_t size, const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return os_error("listen on", path);
  }
  if (!S_ISSOCK(found.st_mode))
    return Error{Fault::invalid, "listen on " + path + ": it is there, and no socket", EEXIST};
  RETORT_TRY(const Fd probe, open_socket(AF_UNIX));
  if (::connect(probe.get(), &address.any, size) == 0 || errno != ECONNREFUSED)
    return Error{Fault::busy, "listen on " + path + ": another process does", EADDRINUSE};
  if (::unlink(path.c_str()) != 0) return os_error("unlink", path);
  return {};
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::on(asio::io_context& context, Fd listening) {
  int accepts = 0;
  socklen_t size = sizeof accepts;
  if (::getsockopt(listening.get(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) != 0)
    return os_error("getsockopt", "a socket that was passed on");
  if (accepts == 0)
    return Error{Fault::invalid, "the socket that was passed on does not listen", EINVAL};
  const int flags = ::fcntl(listening.get(), F_GETFL);
  if (flags < 0 || ::fcntl(listening.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(listening.get(), F_SETFD, FD_CLOEXEC) != 0)
    return os_error("fcntl", "a socket that was passed on");
  AnyAddress address{};
  size = sizeof address;
  if (::getsockname(listening.get(), &address.any, &size) != 0) return os_error("getsockname", "");
  std::unique_ptr<Listener> listener(new Listener(context));
  listener->address_ = describe(address, size);
  boost::system::error_code code;
  (void)listener->descriptor_.assign(listening.get(), code);
  if (code) return os_error("epoll_ctl", "a listening socket", code.value());
  (void)listening.release();
  return listener;
}

Result<std::unique_ptr<Listener>> Listener::on_tcp(asio::io_context& context,
                                                   std::string_view address) {
  RETORT_TRY(Endpoint endpoint, parse_endpoint(address));
  auto socket = bind_tcp(endpoint, address);
  if (!socket && endpoint.both_families && socket.error().os_errno == EAFNOSUPPORT) {
    // A host without IPv6.
    RETORT_TRY(endpoint, parse_endpoint("0.0.0.0" + std::string(address)));
    socket = bind_tcp(endpoint, address);
  }
  if (!socket) return std::move(socket).error();
  if (::listen(socket->get(), kBacklog) != 0) return os_error("listen on", address);
  return on(context, *std::move(socket));
}

Result<std::unique_ptr<Listener>> Listener::on_unix(asio::io_context& context,
                                                    const std::string& path,
                                                    mode_t mode) {
  AnyAddress address{};
  address.local = {};
  address.local.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.local.sun_path)
    return Error{Fault::invalid, "listen on " + path + ": a path of 1 to 107 bytes is needed", 0};
  std::memcpy(&address.local.sun_path[0], path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  RETORT_CHECK(remove_stale(address, size, path));
  RETORT_TRY(Fd socket, open_socket(AF_UNIX));
  if (::bind(socket.get(), &address.any, size) != 0) return os_error("listen on", path);
  // Nobody can connect before listen(2), so the file's first mode is of no matter.
  struct stat made{};
  if (::chmod(path.c_str(), mode) != 0 || ::lstat(path.c_str(), &made) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    Error error = os_error("listen on", path);
    (void)::unlink(path.c_str());
    return error;
  }
  RETORT_TRY(auto listener, on(context, std::move(socket)));
  listener->path_ = path;
  listener->device_ = made.st_dev;
  listener->inode_ = made.st_ino;
  return listener;
}

Result<std::optional<Listener::Accepted>> Listener::accept() {
  AnyAddress address{};
  while (true) {
    socklen_t size = sizeof address;
    Fd socket(
        ::accept4(descriptor_.native_handle(), &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) {
      if (errno == EAGAIN) return std::optional<Accepted>();
      // accept(2): errors of the one connection, which is gone.
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN ||
          errno == ENOPROTOOPT || errno == EHOSTDOWN || errno == ENONET || errno == EHOSTUNREACH ||
          errno == ENETUNREACH)
        continue;
      return os_error("accept", address_);
    }
    Accepted accepted{.socket = std::move(socket),
                      .family = address.any.sa_family,
                      .peer = "unix",
                      .address = limited_by(address)};
    if (accepted.family != AF_UNIX) {
      accepted.peer = describe(address, size);
      // What is written is whole: nothing is gained by waiting for more (tcp(7)).
      (void)set_option(accepted.socket, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    return std::optional<Accepted>(std::move(accepted));
  }
}

Task<bool> Listener::wait() {
  const auto [code] = co_await descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                                                      asio::as_tuple(asio::use_awaitable));
  co_return !code && is_open();
}

void Listener::close() {
  if (!is_open()) return;
  boost::system::error_code ignored;
  (void)descriptor_.close(ignored);
  struct stat found{};
  if (!path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
      found.st_ino == inode_)
    (void)::unlink(path_.c_str());
}

}  // namespace retort::http
