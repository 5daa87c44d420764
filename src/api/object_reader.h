// Object reader: one JSON object, read member by member, strictly; what is wrong goes to Faults.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "api/faults.h"
#include "text/json.h"

namespace retort::api {

// "must be text, not a number". False when `value` is of another type.
bool is_text(const text::json::value& value, const Path& path, Faults& faults);
bool is_array(const text::json::value& value, const Path& path, Faults& faults);
bool is_object(const text::json::value& value, const Path& path, Faults& faults);

// A whole number as JSON writes one, without fraction or exponent, from `smallest` to `largest`;
// nothing, and a fault, for all else.
std::optional<std::int64_t> whole_number(const text::json::value& value,
                                         std::int64_t smallest,
                                         std::int64_t largest,
                                         const Path& path,
                                         Faults& faults);

// Each call below gives nothing when the member is not there, and, with a fault, when it is wrong.
// null is a value of the wrong type: what is not meant is left out.
class ObjectReader {
 public:
  // Members that are none of `fields` are faults at once, with the nearest of them. All of this
  // must outlive the reader.
  ObjectReader(const text::json::object& object,
               const Path& path,
               Faults& faults,
               std::span<const std::string_view> fields);

  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] const text::json::value* find(std::string_view name) const;
  // It must be there: a fault when it is not.
  [[nodiscard]] const text::json::value* need(std::string_view name) const;

  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> need_text(std::string_view name) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> whole(std::string_view name,
                                                  std::int64_t smallest,
                                                  std::int64_t largest) const;
  [[nodiscard]] const text::json::array* array(std::string_view name) const;
  [[nodiscard]] const text::json::object* object(std::string_view name) const;

 private:
  const text::json::object& object_;
  const Path& path_;
  Faults& faults_;
};

}  // namespace retort::api
