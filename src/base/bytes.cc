// Bytes: UTF-8 by the table of RFC 3629 section 4, and escapes.
#include "base/bytes.h"

#include <array>
#include <cstdint>

namespace retort::base {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `bytes`; 0 when there is none.
std::size_t sequence_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (bytes.size() < length || at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    const auto first = static_cast<unsigned char>(bytes.front());
    // C1 controls (U+0080..U+009F) steer terminals just as C0 does.
    const bool c1 = length == 2 && first == 0xC2 && static_cast<unsigned char>(bytes[1]) < 0xA0;
    if (length == 0 || first < 0x20 || first == 0x7F || c1) {
      text.append("\\x").append(1, kHex[first >> 4U]).append(1, kHex[first & 15U]);
      bytes.remove_prefix(1);
      continue;
    }
    if (first == '\\') text += '\\';
    text.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace retort::base
