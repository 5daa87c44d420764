// Encodings: bytes as hexadecimal, base64 and base64url, and back, strictly: each byte string has
// exactly one spelling, and what is not that spelling is refused.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace retort::text {

// Lower case, RFC 4648 section 8. Capital letters are refused, so that a digest that is a name is
// one name.
std::string hex(std::string_view bytes);
base::Result<std::string> parse_hex(std::string_view text);

// RFC 4648 section 4, with padding.
std::string base64(std::string_view bytes);
// RFC 4648 section 5, without padding.
std::string base64url(std::string_view bytes);

// Strict (RFC 4648 section 3): no line breaks, no foreign characters, the padding there and right
// (for base64url: absent), no bits left over that are not zero. Errors: Fault::invalid.
base::Result<std::string> parse_base64(std::string_view text);
base::Result<std::string> parse_base64url(std::string_view text);

}  // namespace retort::text
