// Limits as JSON: names with units, whole numbers.
#include "api/limits_json.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "text/nearest.h"

namespace retort::api {
namespace {

namespace json = text::json;

const cell::LimitInfo* info_by_json(std::string_view name) {
  const auto& infos = cell::limit_infos();
  const auto* const found = std::ranges::find(infos, name, &cell::LimitInfo::json);
  return found == infos.end() ? nullptr : found;
}

std::string unknown(std::string_view name) {
  const std::string shown = "'" + base::printable(name.substr(0, 64)) + "' is no limit";
  if (const auto limit = cell::find_limit(name)) {  // its name in settings
    return shown + "; write " + std::string(cell::info_of(*limit).json) + ", a whole number";
  }
  std::vector<std::string> known;
  for (const cell::LimitInfo& info : cell::limit_infos()) known.emplace_back(info.json);
  return shown + text::suggestion(name, known);
}

struct Reading {
  std::optional<std::uint64_t> value;
  std::string fault;
};

Reading read_network(const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr) return {.value = {}, .fault = R"(must be "none" or "loopback")"};
  const auto network = parse_limit(Limit::network, std::string_view(*text));
  if (network) return {.value = *network, .fault = {}};
  return {.value = {},
          .fault = "'" + base::printable(std::string_view(*text).substr(0, 64)) +
                   "' is neither none nor loopback"};
}

Reading read_number(const json::value& value) {
  const std::int64_t* number = value.if_int64();
  if (number != nullptr && *number >= 0)
    return {.value = static_cast<std::uint64_t>(*number), .fault = {}};
  if (number != nullptr) {
    return {.value = {}, .fault = "must not be negative: " + std::to_string(*number)};
  }
  // Numbers that fit 63 bits come as int64_t; uint64_t and whole doubles are beyond.
  if (value.is_uint64()) return {.value = {}, .fault = "is beyond 2^63"};
  if (value.is_double()) {
    return {.value = {},
            .fault = "must be a whole number below 2^63, without fraction or exponent"};
  }
  return {.value = {}, .fault = "must be a whole number"};
}

}  // namespace

std::expected<LimitValues, LimitFaults> read_limits_json(const json::object& object) {
  LimitValues values;
  LimitFaults faults;
  for (const auto& member : object) {
    const std::string_view name = member.key();
    const cell::LimitInfo* info = info_by_json(name);
    if (info == nullptr) {
      faults.push_back({.name = std::string(name), .what = unknown(name)});
      continue;
    }
    const Reading read =
        info->limit == Limit::network ? read_network(member.value()) : read_number(member.value());
    if (read.value) {
      values.set(info->limit, *read.value);
    } else {
      faults.push_back({.name = std::string(name), .what = std::string(name) + " " + read.fault});
    }
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return values;
}

}  // namespace retort::api
