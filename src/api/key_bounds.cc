// Key bounds: to JSON and back.
#include "api/key_bounds.h"

#include <array>
#include <utility>

#include "api/object_reader.h"
#include "api/request_limits.h"
#include "base/bytes.h"

namespace retort::api {

namespace json = text::json;

namespace {

constexpr std::array<std::string_view, 2> kStages = {"run", "compile"};
constexpr std::array<std::string_view, 2> kSides = {"largest", "smallest"};

LimitValues read_side(const ObjectReader& reader,
                      std::string_view side,
                      const Path& stage,
                      Faults& faults) {
  const json::object* const object = reader.object(side);
  if (object == nullptr) return {};
  const Path path = stage.at(side);
  const LimitValues values = read_limits(*object, path, faults);
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const auto value = values.get(info.limit);
    if (!value) continue;
    const std::uint64_t smallest = smallest_of(info.limit);
    const std::uint64_t largest = largest_of(info.limit);
    if (*value >= smallest && *value <= largest) continue;
    faults.add(path.at(info.json),
               FaultCode::limit_out_of_bounds,
               std::string(info.json) + " is " + limit_json(info.limit, *value) +
                   "; Retort allows " + limit_json(info.limit, smallest) + " to " +
                   limit_json(info.limit, largest));
  }
  return values;
}

LimitBounds read_stage(const json::object& object, const Path& path, Faults& faults) {
  const ObjectReader reader(object, path, faults, kSides);
  const LimitBounds bounds{.smallest = read_side(reader, "smallest", path, faults),
                           .largest = read_side(reader, "largest", path, faults)};
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const auto smallest = bounds.smallest.get(info.limit);
    const auto largest = bounds.largest.get(info.limit);
    if (!smallest || !largest || *smallest <= *largest) continue;
    const Path side = path.at("smallest");
    faults.add(side.at(info.json), FaultCode::conflict, "is above its largest");
  }
  return bounds;
}

void put_stage(json::object& object, std::string_view stage, const LimitBounds& bounds) {
  json::object sides;
  if (!bounds.largest.empty()) sides["largest"] = limits_json(bounds.largest);
  if (!bounds.smallest.empty()) sides["smallest"] = limits_json(bounds.smallest);
  if (!sides.empty()) object[stage] = std::move(sides);
}

}  // namespace

KeyBounds read_key_bounds(const json::object& object, const Path& path, Faults& faults) {
  const ObjectReader reader(object, path, faults, kStages);
  KeyBounds bounds;
  if (const json::object* const run = reader.object("run")) {
    bounds.run = read_stage(*run, path.at("run"), faults);
  }
  if (const json::object* const compile = reader.object("compile")) {
    bounds.compile = read_stage(*compile, path.at("compile"), faults);
  }
  return bounds;
}

base::Result<KeyBounds> parse_key_bounds(std::string_view text) {
  RETORT_TRY(const json::value value, text::parse_json(text));
  Faults faults;
  const Path path;
  KeyBounds bounds;
  if (is_object(value, path, faults)) bounds = read_key_bounds(value.get_object(), path, faults);
  if (faults.empty()) return bounds;
  std::string what;
  for (const FieldFault& fault : faults.list()) {
    if (!what.empty()) what += '\n';
    what.append(base::printable(fault.pointer)).append(": ").append(fault.detail);
  }
  return base::Error{base::Fault::invalid, std::move(what), 0};
}

json::object to_json(const KeyBounds& bounds) {
  json::object object;
  put_stage(object, "run", bounds.run);
  put_stage(object, "compile", bounds.compile);
  return object;
}

std::string bounds_json(const KeyBounds& bounds) {
  return text::compact(to_json(bounds));
}

}  // namespace retort::api
