// Request limits: the limits in a body, read and merged, with what is wrong as Faults; and back.
#pragma once

#include <optional>

#include "api/faults.h"
#include "api/limit_values.h"
#include "api/merge_limits.h"
#include "text/json.h"

namespace retort::api {

// Those members of `object` (at `path`) that are limits; the others are faults.
LimitValues read_limits(const text::json::object& object, const Path& path, Faults& faults);

// The same back to JSON.
text::json::object limits_json(const LimitValues& values);

// merge_limits; nothing when there are faults, which are at `path`.
std::optional<cell::Limits> merge_at(const LimitLayers& layers,
                                     const LimitValues& request,
                                     const Path& path,
                                     Faults& faults);

}  // namespace retort::api
