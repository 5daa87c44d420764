// Json: what programs exchange. Boost.JSON's values, read strictly; other layers include it only
// through here.
#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "base/error.h"

namespace retort::text {

namespace json = boost::json;

constexpr std::size_t kDeepestJson = 32;

// RFC 8259, and stricter where it leaves a choice: one document and nothing after it, no byte order
// mark, well-formed UTF-8, no key twice in an object, no number beyond a double, at most
// kDeepestJson arrays and objects in each other. Errors are Fault::invalid: "line 3, column 7:
// duplicate key 'a'".
base::Result<json::value> parse_json(std::string_view text);

// Stores bytes that a program wrote: as text when they are well-formed UTF-8 and JSON's escapes do
// not double them, else as base64 with
// "<key>_encoding": "base64" beside it.
void put_bytes(json::object& object, std::string_view key, std::string_view bytes);

// On one line without spaces; indented by two spaces. Neither ends in a newline.
std::string compact(const json::value& value);
std::string pretty(const json::value& value);

}  // namespace retort::text
