// Key form: API keys as JSON, and the JSON that asks for one; the same for the API and the command
// line.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "api/faults.h"
#include "store/keys.h"
#include "text/json.h"

namespace retort::api {

// "run", "read", "manage"; a bit of store::scope each.
std::string_view scope_name(std::uint32_t scope);
std::optional<std::uint32_t> find_scope(std::string_view name);

// The schema NewKey of openapi.json, or every fault.
std::expected<store::NewKey, Faults> parse_new_key(const text::json::value& body);

// The schema Key: nothing of it is secret.
text::json::object key_json(const store::Key& key);

}  // namespace retort::api
