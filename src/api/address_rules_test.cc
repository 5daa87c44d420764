// Address rules: P09 of the attacks. Nothing but the internet is global, in whatever form it comes.
#include "api/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace retort::api {
namespace {

AddressKind kind_of(const std::string& text) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (text.contains(':')) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &in.sin6_addr), 1) << text;
    std::memcpy(&storage, &in, sizeof in);
    size = sizeof in;
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &in.sin_addr), 1) << text;
    std::memcpy(&storage, &in, sizeof in);
    size = sizeof in;
  }
  // The whole of it is behind the reference that is passed.
  return api::kind_of(*reinterpret_cast<const sockaddr*>(&storage), size);
}

TEST(AddressRules, TheInternetIsGlobal) {
  for (const char* text : {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",    "100.63.255.255",
                           "100.128.0.0",     "126.255.255.255", "128.0.0.0",   "169.253.255.255",
                           "169.255.0.0",     "172.15.255.255",  "172.32.0.0",  "192.167.255.255",
                           "192.169.0.0",     "198.17.255.255",  "198.20.0.0",  "223.255.255.255",
                           "2606:4700::1111", "2a00::1",         "2001:200::1", "2001:4860::8888",
                           "2003::1",         "2000::1",         "3ffe::1"})
    EXPECT_EQ(kind_of(text), AddressKind::global) << text;
}

TEST(AddressRules, LoopbackAndPrivateNetworksAreInternal) {
  for (const char* text : {"127.0.0.1",
                           "127.255.255.255",
                           "10.0.0.0",
                           "10.255.255.255",
                           "172.16.0.0",
                           "172.31.255.255",
                           "192.168.0.0",
                           "192.168.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "::1",
                           "fc00::1",
                           "fdff:ffff::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.1.2.3",
                           "::ffff:192.168.0.1"})
    EXPECT_EQ(kind_of(text), AddressKind::internal) << text;
}

TEST(AddressRules, WhatIsNobodysWayIsForbidden) {
  for (const char* text : {"0.0.0.0",
                           "0.255.255.255",
                           "169.254.169.254",
                           "169.254.0.1",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.88.99.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.7",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::2",
                           "::127.0.0.1",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "ff02::1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::808:808",
                           "64:ff9b:1::a00:1",
                           "2002:7f00:1::",
                           "2001::1",
                           "2001:1ff::1",
                           "2001:db8::1",
                           "3fff::1",
                           "3fff:fff::1",
                           "100::1",
                           "5f00::1",
                           "4000::1",
                           "::ffff:8.8.8.8",
                           "::ffff:0.0.0.0",
                           "::ffff:169.254.169.254"})
    EXPECT_EQ(kind_of(text), AddressKind::forbidden) << text;
}

TEST(AddressRules, AnotherFamilyOrHalfAnAddressIsForbidden) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(0x01010101);
  sockaddr address{};
  std::memcpy(&address, &in, sizeof address);
  EXPECT_EQ(api::kind_of(address, sizeof in), AddressKind::global);
  EXPECT_EQ(api::kind_of(address, sizeof in - 1), AddressKind::forbidden);
  address.sa_family = AF_UNIX;
  EXPECT_EQ(api::kind_of(address, sizeof in), AddressKind::forbidden);
}

}  // namespace
}  // namespace retort::api
