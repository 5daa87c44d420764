// Object reader: types, bounds, names.
#include "api/object_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "text/nearest.h"

namespace retort::api {

namespace json = text::json;

namespace {

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null; leave out what is not meant";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

bool must_be(bool is_right,
             std::string_view what,
             const json::value& value,
             const Path& path,
             Faults& faults) {
  if (is_right) return true;
  std::string detail = "must be ";
  detail.append(what).append(", not ").append(kind_of(value));
  faults.add(path, FaultCode::wrong_type, std::move(detail));
  return false;
}

}  // namespace

bool is_text(const json::value& value, const Path& path, Faults& faults) {
  return must_be(value.is_string(), "text", value, path, faults);
}

bool is_array(const json::value& value, const Path& path, Faults& faults) {
  return must_be(value.is_array(), "an array", value, path, faults);
}

bool is_object(const json::value& value, const Path& path, Faults& faults) {
  return must_be(value.is_object(), "an object", value, path, faults);
}

std::optional<std::int64_t> whole_number(const json::value& value,
                                         std::int64_t smallest,
                                         std::int64_t largest,
                                         const Path& path,
                                         Faults& faults) {
  if (value.is_double()) {
    faults.add(path,
               FaultCode::wrong_type,
               "must be a whole number below 2^63, without fraction or exponent");
    return std::nullopt;
  }
  if (!must_be(value.is_number(), "a whole number", value, path, faults)) return std::nullopt;
  const std::int64_t* const number = value.if_int64();
  if (number != nullptr && *number >= smallest && *number <= largest) return *number;
  faults.add(path,
             FaultCode::out_of_bounds,
             "must be " + std::to_string(smallest) + " to " + std::to_string(largest));
  return std::nullopt;
}

ObjectReader::ObjectReader(const json::object& object,
                           const Path& path,
                           Faults& faults,
                           std::span<const std::string_view> fields)
    : object_(object), path_(path), faults_(faults) {
  for (const auto& member : object) {
    const std::string_view name = member.key();
    if (std::ranges::find(fields, name) != fields.end()) continue;
    if (faults_.is_full()) {
      faults_.add(path_, FaultCode::unknown_field, {});
      continue;
    }
    const std::vector<std::string> known(fields.begin(), fields.end());
    faults_.add(path_.at(name),
                FaultCode::unknown_field,
                "there is no field " + shown(name) + " here" + text::suggestion(name, known));
  }
}

const json::value* ObjectReader::find(std::string_view name) const {
  return object_.if_contains(name);
}

const json::value* ObjectReader::need(std::string_view name) const {
  const json::value* const value = find(name);
  if (value == nullptr) faults_.add(path_.at(name), FaultCode::missing_field, "must be given");
  return value;
}

std::optional<std::string_view> ObjectReader::text(std::string_view name) const {
  const json::value* const value = find(name);
  if (value == nullptr || !is_text(*value, path_.at(name), faults_)) return std::nullopt;
  return std::string_view(value->get_string());
}

std::optional<std::string_view> ObjectReader::need_text(std::string_view name) const {
  return need(name) == nullptr ? std::nullopt : text(name);
}

std::optional<bool> ObjectReader::flag(std::string_view name) const {
  const json::value* const value = find(name);
  if (value == nullptr ||
      !must_be(value->is_bool(), "true or false", *value, path_.at(name), faults_)) {
    return std::nullopt;
  }
  return value->get_bool();
}

std::optional<std::int64_t> ObjectReader::whole(std::string_view name,
                                                std::int64_t smallest,
                                                std::int64_t largest) const {
  const json::value* const value = find(name);
  if (value == nullptr) return std::nullopt;
  return whole_number(*value, smallest, largest, path_.at(name), faults_);
}

const json::array* ObjectReader::array(std::string_view name) const {
  const json::value* const value = find(name);
  if (value == nullptr || !is_array(*value, path_.at(name), faults_)) return nullptr;
  return value->if_array();
}

const json::object* ObjectReader::object(std::string_view name) const {
  const json::value* const value = find(name);
  if (value == nullptr || !is_object(*value, path_.at(name), faults_)) return nullptr;
  return value->if_object();
}

}  // namespace retort::api
