// Fuzz: what the fuzz targets share. Each is one LLVMFuzzerTestOneInput over one parser; a property
// that does not hold ends the process, as a fault that a sanitizer sees does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace retort::fuzz {

inline void require(bool holds, std::string_view property) {
  if (holds) return;
  (void)std::fprintf(
      stderr, "does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Fit for a terminal, as messages must be: no control character but the newline between lines.
inline bool is_plain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) return false;
  }
  return true;
}

}  // namespace retort::fuzz

// Declared here since the library that calls it has no header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
