// Bytes: checks and escapes of byte strings that came from strangers.
#pragma once

#include <string>
#include <string_view>

namespace retort::base {

// True when `bytes` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most
// U+10FFFF).
bool is_utf8(std::string_view bytes);

// `bytes` fit for a terminal or a log line: control characters and everything that is not
// well-formed UTF-8 become \xNN, a backslash becomes \\.
std::string printable(std::string_view bytes);

}  // namespace retort::base
