// Runtime JSON: what GET /v1/runtimes says of one runtime, the schema Runtime of openapi.json.
#pragma once

#include "api/key_bounds.h"
#include "api/offers.h"
#include "api/settings.h"
#include "text/json.h"

namespace retort::api {

// With the limits of each stage for whoever asks: `key` is null for callers without one.
text::json::object runtime_json(const Offer& offer, const Settings& settings, const KeyBounds* key);

}  // namespace retort::api
