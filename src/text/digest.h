// Digest: SHA-256, HMAC, secrets from the kernel, and comparing them. The only place that includes
// OpenSSL. A computation that OpenSSL cannot do (no memory, no provider) ends the process: there is
// no safe way on without it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retort::text {

constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<char, kDigestBytes>;

inline std::string_view bytes_of(const Digest& digest) {
  return {digest.data(), digest.size()};
}

// SHA-256 (FIPS 180-4) of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  // Once; afterwards it is as new.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// HMAC-SHA-256 (RFC 2104, FIPS 198-1) of bytes that come in pieces.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;
  HmacSha256(const HmacSha256&) = delete;
  HmacSha256& operator=(const HmacSha256&) = delete;
  ~HmacSha256();

  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  // Once; afterwards it is as new, with the same key.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 64 lower-case digits.
std::string sha256_hex(std::string_view bytes);
// True for 64 lower-case hexadecimal digits: the one spelling of a SHA-256.
bool is_sha256_hex(std::string_view text);

Digest hmac_sha256(std::string_view key, std::string_view bytes);

// In a time that depends on the lengths alone.
bool constant_time_equal(std::string_view a, std::string_view b);

// Fit for secrets: getrandom(2), which waits for the kernel's pool at boot.
std::string random_bytes(std::size_t count);

}  // namespace retort::text
