// Request limits: from LimitFaults to places in a body.
#include "api/request_limits.h"

#include <algorithm>
#include <utility>

#include "api/limits_json.h"

namespace retort::api {

namespace json = text::json;

namespace {

// Of more members so many are unknown that the faults are full: a stranger's megabyte of names is
// not looked at one by one.
constexpr std::size_t kMostMembers = cell::kLimitCount + Faults::kMost;

FaultCode code_of(std::string_view name, const json::value& value) {
  if (std::ranges::count(cell::limit_infos(), name, &cell::LimitInfo::json) == 0) {
    return FaultCode::unknown_field;
  }
  const bool is_network = name == cell::info_of(Limit::network).json;
  if (is_network) return value.is_string() ? FaultCode::invalid_value : FaultCode::wrong_type;
  // A whole number that is no limit is negative or beyond 2^63.
  const bool is_whole = value.is_int64() || value.is_uint64();
  return is_whole ? FaultCode::limit_out_of_bounds : FaultCode::wrong_type;
}

}  // namespace

LimitValues read_limits(const json::object& object, const Path& path, Faults& faults) {
  if (object.size() > kMostMembers) {
    const json::object some(object.begin(), object.begin() + kMostMembers);
    const LimitValues values = read_limits(some, path, faults);
    for (std::size_t i = kMostMembers; i < object.size(); ++i) {
      faults.add(path, FaultCode::unknown_field, {});
    }
    return values;
  }
  const auto read = read_limits_json(object);
  if (read) return *read;
  json::object rest = object;
  for (const LimitFault& fault : read.error()) {
    faults.add(path.at(fault.name), code_of(fault.name, object.at(fault.name)), fault.what);
    rest.erase(fault.name);
  }
  return read_limits_json(rest).value_or(LimitValues{});
}

json::object limits_json(const LimitValues& values) {
  json::object object;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const auto value = values.get(info.limit);
    if (!value) continue;
    if (info.limit == Limit::network) {
      object[info.json] = limit_text(info.limit, *value);
    } else {
      object[info.json] = *value;
    }
  }
  return object;
}

std::optional<cell::Limits> merge_at(const LimitLayers& layers,
                                     const LimitValues& request,
                                     const Path& path,
                                     Faults& faults) {
  auto merged = merge_limits(layers, request);
  if (merged) return *std::move(merged);
  for (LimitFault& fault : merged.error()) {
    faults.add(path.at(fault.name), FaultCode::limit_out_of_bounds, std::move(fault.what));
  }
  return std::nullopt;
}

}  // namespace retort::api
