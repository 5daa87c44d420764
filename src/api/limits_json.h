// Limits as JSON: what a request says, read exactly.
#pragma once

#include <expected>

#include "api/merge_limits.h"
#include "text/json.h"

namespace retort::api {

// {"cpu_time_us": 2000000, "memory_bytes": 67108864, "processes": 8, "network": "none"}: the JSON
// names of the limits; whole numbers from 0 to 2^63 - 1, `network` as text. Bounds are the matter
// of merge_limits. Every fault at once, in the order of the object: a number that is negative, has
// a fraction or an exponent or is beyond 2^63, another type, an unknown name.
std::expected<LimitValues, LimitFaults> read_limits_json(const text::json::object& object);

}  // namespace retort::api
