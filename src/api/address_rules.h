// Address rules: which addresses a webhook may reach. What a name resolves to is judged when the
// connection is made, so that nobody leads the server to its own neighbours.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace retort::api {

enum class AddressKind : std::uint8_t {
  global,     // reachable from the internet
  internal,   // loopback, private, shared (RFC 1122, 1918, 4193, 6598)
  forbidden,  // link-local (and the metadata services there), multicast, unspecified, reserved
};

// By the registries of special-purpose addresses (RFC 6890) of IPv4 and IPv6; of IPv6 only what is
// global unicast (2000::/3) can be global. A form that holds an IPv4 address is what that is, but
// never global: mapped (RFC 4291) addresses are nobody's way to the internet, and a translator
// (NAT64, RFC 6052, 8215; 6to4, RFC 3056; Teredo, RFC 4380) leads where it likes: forbidden.
AddressKind kind_of(const sockaddr& address, socklen_t size);

}  // namespace retort::api
