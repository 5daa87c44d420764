// Address rules: one table for each family.
#include "api/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace retort::api {

namespace {

using enum AddressKind;

struct Block4 {
  std::uint32_t first;
  unsigned bits;
  AddressKind kind;
};

constexpr std::uint32_t quad(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24U | b << 16U | c << 8U | d;
}

// The IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771).
constexpr std::array kBlocks4 = {
    Block4{quad(0, 0, 0, 0), 8, forbidden},        // this network; 0.0.0.0 connects to ourselves
    Block4{quad(10, 0, 0, 0), 8, internal},        // private
    Block4{quad(100, 64, 0, 0), 10, internal},     // shared, of carriers' NAT
    Block4{quad(127, 0, 0, 0), 8, internal},       // loopback
    Block4{quad(169, 254, 0, 0), 16, forbidden},   // link-local; metadata services
    Block4{quad(172, 16, 0, 0), 12, internal},     // private
    Block4{quad(192, 0, 0, 0), 24, forbidden},     // of protocols
    Block4{quad(192, 0, 2, 0), 24, forbidden},     // documentation
    Block4{quad(192, 88, 99, 0), 24, forbidden},   // 6to4 relays
    Block4{quad(192, 168, 0, 0), 16, internal},    // private
    Block4{quad(198, 18, 0, 0), 15, forbidden},    // benchmarks
    Block4{quad(198, 51, 100, 0), 24, forbidden},  // documentation
    Block4{quad(203, 0, 113, 0), 24, forbidden},   // documentation
    Block4{quad(224, 0, 0, 0), 4, forbidden},      // multicast
    Block4{quad(240, 0, 0, 0), 4, forbidden},      // reserved, and broadcast
};

struct Block6 {
  std::array<std::uint8_t, 16> first;
  unsigned bits;
  AddressKind kind;
};

// What is not 2000::/3 is forbidden but for these; within it, these are not global.
constexpr std::array kBlocks6 = {
    Block6{{0xFC}, 7, internal},                      // unique local
    Block6{{0x20, 0x01, 0x00}, 23, forbidden},        // of protocols: Teredo, ORCHID, benchmarks
    Block6{{0x20, 0x01, 0x0D, 0xB8}, 32, forbidden},  // documentation
    Block6{{0x20, 0x02}, 16, forbidden},              // 6to4
    Block6{{0x3F, 0xFF}, 20, forbidden},              // documentation (RFC 9637)
};

AddressKind kind_of(std::uint32_t address) {
  for (const Block4& block : kBlocks4) {
    if ((address ^ block.first) >> (32U - block.bits) == 0) return block.kind;
  }
  return global;
}

bool is_within(std::span<const std::uint8_t, 16> address, const Block6& block) {
  const unsigned whole = block.bits / 8;
  const unsigned rest = block.bits % 8;
  for (unsigned i = 0; i < whole; ++i) {
    if (address[i] != block.first.at(i)) return false;
  }
  return rest == 0 || (address[whole] ^ block.first.at(whole)) >> (8U - rest) == 0;
}

AddressKind kind_of(std::span<const std::uint8_t, 16> address) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (std::ranges::equal(address.first<12>(), kMapped)) {
    const auto inner = kind_of(quad(address[12], address[13], address[14], address[15]));
    return inner == internal ? internal : forbidden;
  }
  const bool has_zeros =
      std::ranges::all_of(address.first<15>(), [](std::uint8_t byte) { return byte == 0; });
  if (has_zeros && address[15] == 1) return internal;  // ::1
  for (const Block6& block : kBlocks6) {
    if (is_within(address, block)) return block.kind;
  }
  return address[0] >> 5U == 1 ? global : forbidden;
}

}  // namespace

AddressKind kind_of(const sockaddr& address, socklen_t size) {
  if (address.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return kind_of(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    return kind_of(std::span<const std::uint8_t, 16>(in.sin6_addr.s6_addr));
  }
  return forbidden;
}

}  // namespace retort::api
