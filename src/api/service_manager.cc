// Service manager: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
#include "api/service_manager.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>

#include <systemd/sd-daemon.h>

#include "base/bytes.h"

namespace retort::api {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;

namespace {

// FileDescriptorName= of the socket unit, by default the unit's name, for messages.
std::string shown(const char* name, int number) {
  const std::string place = "descriptor " + std::to_string(number);
  return name == nullptr || *name == '\0' ? place : base::printable(name) + " (" + place + ")";
}

std::string why_not(int number) {
  if (sd_is_socket(number, AF_UNSPEC, 0, -1) <= 0) return "is no socket";
  if (sd_is_socket(number, AF_UNSPEC, SOCK_STREAM, -1) <= 0)
    return "is no stream socket; write ListenStream= in the socket unit";
  if (sd_is_socket(number, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
    return "does not listen; write Accept=no in the socket unit";
  return "is of another family than IPv4, IPv6 and Unix";
}

// Nothing for another family.
std::optional<std::string> address_of(int number) {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_storage room;
  } address{};
  socklen_t size = sizeof address;
  if (::getsockname(number, &address.any, &size) != 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (address.any.sa_family) {
    case AF_UNIX:
      return "";
    case AF_INET:
      (void)::inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
      return std::string(text.data()) + ":" + std::to_string(ntohs(address.v4.sin_port));
    case AF_INET6:
      (void)::inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
      return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(address.v6.sin6_port));
    default:
      return std::nullopt;
  }
}

// A list of strings as libsystemd gives it away.
struct FreeNames {
  void operator()(char** names) const {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(static_cast<void*>(names));
  }
};

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets() {
  char** given = nullptr;
  const int count = sd_listen_fds_with_names(1, &given);
  const std::unique_ptr<char*, FreeNames> names(given);
  if (count < 0) return base::os_error("sd_listen_fds", "LISTEN_FDS", -count);
  std::vector<PassedSocket> sockets;
  std::string faults;
  for (int i = 0; i < count; ++i) {
    const int number = SD_LISTEN_FDS_START + i;
    PassedSocket passed{.socket = Fd(number), .address = {}};
    auto address =
        sd_is_socket(number, AF_UNSPEC, SOCK_STREAM, 1) > 0 ? address_of(number) : std::nullopt;
    if (!address) {
      faults += (faults.empty() ? "" : "; ") + shown(names ? names.get()[i] : nullptr, number) +
                " " + why_not(number);
      continue;
    }
    passed.address = *std::move(address);
    sockets.push_back(std::move(passed));
  }
  if (!faults.empty())
    return Error{Fault::invalid, "of the sockets that were passed on, " + faults, 0};
  return sockets;
}

// Nobody can be told when telling fails, and nothing depends on it.
void tell_ready() {
  (void)sd_notify(0, "READY=1");
}

void tell_stopping() {
  (void)sd_notify(0, "STOPPING=1");
}

void tell_alive() {
  (void)sd_notify(0, "WATCHDOG=1");
}

base::Duration alive_every() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return {};
  // Half of what is allowed, as sd_watchdog_enabled(3) advises.
  return base::Duration(static_cast<base::Duration::rep>(microseconds / 2));
}

}  // namespace retort::api
