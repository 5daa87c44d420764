// Key bounds: what an API key narrows, and the JSON that it is kept as
// (store::NewKey::bounds_json).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/faults.h"
#include "api/merge_limits.h"
#include "base/error.h"
#include "text/json.h"

namespace retort::api {

struct KeyBounds {
  LimitBounds run;
  LimitBounds compile;
  // Not of the JSON, but of the key itself (store::NewKey::priority_max).
  std::optional<std::int64_t> largest_priority;
};

// {"run": {"largest": {"cpu_time_us": 1000000}, "smallest": {}}, "compile": {…}}, each part of
// which may be missing; values within the built-in bounds, and no smallest above its largest. What
// is wrong goes to `faults`; what is right is in the answer.
KeyBounds read_key_bounds(const text::json::object& object, const Path& path, Faults& faults);

// The same as text. Fault::invalid names every fault, one a line.
base::Result<KeyBounds> parse_key_bounds(std::string_view text);

// What is read back; "{}" when nothing is narrowed.
text::json::object to_json(const KeyBounds& bounds);
std::string bounds_json(const KeyBounds& bounds);

}  // namespace retort::api
