// Merging limits: the tightest bound of each, then the request, then the defaults.
#include "api/merge_limits.h"

#include <algorithm>
#include <string_view>

namespace retort::api {
namespace {

struct Bound {
  std::uint64_t value;
  std::string_view owner;
};

struct Range {
  Bound smallest;
  Bound largest;
};

constexpr std::string_view kOurselves = "Retort";

Range range_of(const LimitLayers& layers, Limit limit) {
  Range range{.smallest = {.value = smallest_of(limit), .owner = kOurselves},
              .largest = {.value = largest_of(limit), .owner = kOurselves}};
  for (const OwnedBounds& layer : layers.bounds) {
    const auto smallest = layer.bounds.smallest.get(limit);
    if (smallest && *smallest > range.smallest.value) range.smallest = {*smallest, layer.owner};
    const auto largest = layer.bounds.largest.get(limit);
    if (largest && *largest < range.largest.value) range.largest = {*largest, layer.owner};
  }
  return range;
}

std::string allows(const Bound& bound, std::string_view relation, Limit limit) {
  std::string text(bound.owner);
  text.append(" allows ").append(relation).append(" ").append(limit_json(limit, bound.value));
  return text;
}

LimitFault outside(Limit limit,
                   std::uint64_t value,
                   std::string_view relation,
                   const Bound& bound) {
  const std::string name(cell::info_of(limit).json);
  return {.name = name,
          .what = name + " is " + limit_json(limit, value) + "; " + allows(bound, relation, limit)};
}

// Two layers that have no value in common, which their owners must mend.
LimitFault impossible(Limit limit, const Range& range) {
  const std::string name(cell::info_of(limit).json);
  return {.name = name,
          .what = name + " has no possible value: " + allows(range.smallest, "at least", limit) +
                  ", " + allows(range.largest, "at most", limit)};
}

}  // namespace

std::expected<cell::Limits, LimitFaults> merge_limits(const LimitLayers& layers,
                                                      const LimitValues& request) {
  LimitFaults faults;
  LimitValues merged;
  const LimitValues defaults = values_of(layers.defaults);
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const Limit limit = info.limit;
    const Range range = range_of(layers, limit);
    if (range.smallest.value > range.largest.value) {
      faults.push_back(impossible(limit, range));
      continue;
    }
    if (const auto asked = request.get(limit)) {
      if (*asked > range.largest.value) {
        faults.push_back(outside(limit, *asked, "at most", range.largest));
      } else if (*asked < range.smallest.value) {
        faults.push_back(outside(limit, *asked, "at least", range.smallest));
      } else {
        merged.set(limit, *asked);
      }
      continue;
    }
    auto value = defaults.get(limit);
    // `memory` comes before `stack` in the order of limits, so it is known here.
    const bool follows = limit == Limit::stack && !value;
    if (follows) value = merged.get(Limit::memory);
    if (!value) continue;
    const std::uint64_t within = std::clamp(*value, range.smallest.value, range.largest.value);
    if (!follows || within != *value) merged.set(limit, within);
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  cell::Limits limits;
  apply(limits, merged);
  return limits;
}

}  // namespace retort::api
