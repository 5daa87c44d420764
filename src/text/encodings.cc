// Encodings: RFC 4648.
#include "text/encodings.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace retort::text {

using base::Error;
using base::Fault;
using base::Result;

namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kForeign = 0xFF;

using Values = std::array<std::uint8_t, 256>;

constexpr Values values_of(std::string_view alphabet) {
  Values values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr Values kHexValues = values_of(kHex);
constexpr Values kStandardValues = values_of(kStandard);
constexpr Values kUrlValues = values_of(kUrl);

std::uint8_t value_of(const Values& values, char c) {
  return values.at(static_cast<unsigned char>(c));
}

Error at_byte(std::string_view encoding, std::size_t offset, std::string_view why) {
  std::string what(encoding);
  what.append(": ").append(why).append(" at byte ").append(std::to_string(offset + 1));
  return Error{Fault::invalid, std::move(what), 0};
}

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k <= count; ++k) text += alphabet[group >> (18 - 6 * k) & 63U];
  }
  return text;
}

// `text` without padding.
Result<std::string> decode(std::string_view text, const Values& values, std::string_view encoding) {
  if (text.size() % 4 == 1) return at_byte(encoding, text.size() - 1, "a digit too many");
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = value_of(values, text[i]);
    if (value == kForeign) return at_byte(encoding, i, "a character that is no digit of it");
    group = group << 6U | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xFFU);
    group &= (1U << bits) - 1;
  }
  if (group != 0) return at_byte(encoding, text.size() - 1, "bits left over that are not zero");
  return bytes;
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHex[byte >> 4U];
    text += kHex[byte & 0xFU];
  }
  return text;
}

Result<std::string> parse_hex(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::uint8_t high = value_of(kHexValues, text[i]);
    if (high == kForeign) return at_byte("hexadecimal", i, "not one of 0-9a-f");
    if (i + 1 == text.size()) return at_byte("hexadecimal", i, "a digit without its second");
    const std::uint8_t low = value_of(kHexValues, text[i + 1]);
    if (low == kForeign) return at_byte("hexadecimal", i + 1, "not one of 0-9a-f");
    bytes += static_cast<char>(high << 4U | low);
  }
  return bytes;
}

std::string base64(std::string_view bytes) {
  std::string text = encode(bytes, kStandard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string base64url(std::string_view bytes) {
  return encode(bytes, kUrl);
}

Result<std::string> parse_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return Error{Fault::invalid, "base64: the length is not a multiple of 4; pad it with =", 0};
  }
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return decode(text, kStandardValues, "base64");
}

Result<std::string> parse_base64url(std::string_view text) {
  return decode(text, kUrlValues, "base64url");
}

}  // namespace retort::text
