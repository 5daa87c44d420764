// Key form: one table of scopes, read and written.
#include "api/key_form.h"

#include <array>
#include <limits>
#include <utility>

#include "api/job_request.h"
#include "api/key_bounds.h"
#include "api/object_reader.h"

namespace retort::api {

namespace json = text::json;

namespace {

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 3> kScopes = {
    {{"run", store::scope::kRun},
     {"read", store::scope::kRead},
     {"manage", store::scope::kManage}}};
constexpr std::array<std::string_view, 7> kFields = {
    "name", "scopes", "bounds", "rate_per_minute", "concurrency", "priority_max", "expires_us"};
constexpr std::size_t kLongestName = 100;

std::uint32_t read_scopes(const json::array& list, const Path& path, Faults& faults) {
  std::uint32_t scopes = 0;
  for (std::size_t index = 0; index < list.size(); ++index) {
    const Path place = path.at(index);
    if (!is_text(list[index], place, faults)) continue;
    const std::string_view name = list[index].get_string();
    const auto scope = find_scope(name);
    if (!scope) {
      faults.add(place,
                 FaultCode::invalid_value,
                 shown(name) + " is no scope; there are run, read and manage");
    } else if ((scopes & *scope) != 0) {
      faults.add(place, FaultCode::duplicate_name, shown(name) + " is there twice");
    } else {
      scopes |= *scope;
    }
  }
  if (list.empty()) faults.add(path, FaultCode::invalid_value, "a key needs at least one scope");
  return scopes;
}

// null says as much as an absent member.
std::optional<std::int64_t> read_number(const ObjectReader& reader,
                                        std::string_view name,
                                        std::int64_t smallest,
                                        std::int64_t largest) {
  const json::value* const value = reader.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return reader.whole(name, smallest, largest);
}

json::value or_null(const std::optional<std::int64_t>& value) {
  if (value) return *value;
  return nullptr;
}

}  // namespace

std::string_view scope_name(std::uint32_t scope) {
  for (const auto& [name, bit] : kScopes) {
    if (bit == scope) return name;
  }
  return "";
}

std::optional<std::uint32_t> find_scope(std::string_view name) {
  for (const auto& [known, bit] : kScopes) {
    if (known == name) return bit;
  }
  return std::nullopt;
}

std::expected<store::NewKey, Faults> parse_new_key(const json::value& body) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  Faults faults;
  const Path document;
  store::NewKey key;
  if (is_object(body, document, faults)) {
    const ObjectReader reader(body.get_object(), document, faults, kFields);
    if (const auto name = reader.need_text("name")) {
      key.name = *name;
      if (name->empty() || name->size() > kLongestName)
        faults.add(document.at("name"), FaultCode::out_of_bounds, "must have 1 to 100 bytes");
    }
    if (const json::value* const scopes = reader.need("scopes")) {
      const Path path = document.at("scopes");
      if (is_array(*scopes, path, faults))
        key.scopes = read_scopes(scopes->get_array(), path, faults);
    }
    if (const json::object* const bounds = reader.object("bounds")) {
      const Path path = document.at("bounds");
      key.bounds_json = bounds_json(read_key_bounds(*bounds, path, faults));
    }
    key.rate_per_minute = read_number(reader, "rate_per_minute", 1, kMost);
    key.concurrency = read_number(reader, "concurrency", 1, kMost);
    key.priority_max = read_number(reader, "priority_max", -kLargestPriority, kLargestPriority);
    key.expires_us = read_number(reader, "expires_us", 0, kMost);
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return key;
}

json::object key_json(const store::Key& key) {
  json::array scopes;
  for (const auto& [name, bit] : kScopes) {
    if ((key.scopes & bit) != 0) scopes.emplace_back(name);
  }
  const auto bounds = text::parse_json(key.bounds_json);
  return {{"id", key.id},
          {"name", key.name},
          {"scopes", scopes},
          {"bounds", bounds ? *bounds : json::value(json::object())},
          {"rate_per_minute", or_null(key.rate_per_minute)},
          {"concurrency", or_null(key.concurrency)},
          {"priority_max", or_null(key.priority_max)},
          {"expires_us", or_null(key.expires_us)},
          {"created_us", key.created_us},
          {"revoked_us", or_null(key.revoked_us)},
          {"last_used_us", or_null(key.last_used_us)}};
}

}  // namespace retort::api
