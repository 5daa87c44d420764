// Units: sizes and durations as types, and the text with a unit that people write.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace retort::base {

// Every duration in Retort counts microseconds.
using Duration = std::chrono::microseconds;

// A number of bytes.
class ByteSize {
 public:
  constexpr ByteSize() = default;
  static constexpr ByteSize of_bytes(std::uint64_t bytes) { return ByteSize(bytes); }
  [[nodiscard]] constexpr std::uint64_t bytes() const { return bytes_; }
  constexpr auto operator<=>(const ByteSize&) const = default;

 private:
  constexpr explicit ByteSize(std::uint64_t bytes) : bytes_(bytes) {}
  std::uint64_t bytes_ = 0;
};

consteval ByteSize operator""_B(unsigned long long n) {
  return ByteSize::of_bytes(n);
}
consteval ByteSize operator""_KiB(unsigned long long n) {
  return ByteSize::of_bytes(n << 10U);
}
consteval ByteSize operator""_MiB(unsigned long long n) {
  return ByteSize::of_bytes(n << 20U);
}
consteval ByteSize operator""_GiB(unsigned long long n) {
  return ByteSize::of_bytes(n << 30U);
}

// "2s", "1.5 s", "250ms", "100us", "2min", "1h". A bare number, a sign, and more than
// a century are errors (Fault::invalid), so that no overflow can become a small limit.
Result<Duration> parse_duration(std::string_view text);

// "64KiB", "1.5 GiB", "256MB" (10^6), "100B". A bare number and more than 2^62 bytes are errors.
Result<ByteSize> parse_size(std::string_view text);

// A plain non-negative decimal integer, at most `largest`.
Result<std::uint64_t> parse_count(std::string_view text, std::uint64_t largest);

// The shortest exact text that the parsers above read back: "1.5s", "256MiB".
std::string to_text(Duration duration);
std::string to_text(ByteSize size);

}  // namespace retort::base
