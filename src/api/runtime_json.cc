// Runtime JSON: the manifest's public part, and the limits as merge_limits would have them.
#include "api/runtime_json.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/limit_values.h"
#include "api/merge_limits.h"
#include "api/request_limits.h"

namespace retort::api {

namespace json = text::json;

namespace {

json::array texts(const std::vector<std::string>& words) {
  json::array array;
  for (const std::string& word : words) array.emplace_back(word);
  return array;
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

LimitLayers layers_for(const Offer& offer,
                       const Settings& settings,
                       const KeyBounds* key,
                       runtime::StageKind stage) {
  LimitLayers layers = settings.limit_layers(stage, offer.entry->manifest);
  if (key != nullptr) {
    const bool is_run = stage == runtime::StageKind::run;
    layers.bounds.push_back({.owner = "this key", .bounds = is_run ? key->run : key->compile});
  }
  return layers;
}

// The tightest of all layers.
LimitBounds bounds_of(const LimitLayers& layers) {
  LimitBounds tightest;
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    std::uint64_t smallest = smallest_of(info.limit);
    std::uint64_t largest = largest_of(info.limit);
    for (const OwnedBounds& layer : layers.bounds) {
      smallest = std::max(smallest, layer.bounds.smallest.get(info.limit).value_or(smallest));
      largest = std::min(largest, layer.bounds.largest.get(info.limit).value_or(largest));
    }
    tightest.smallest.set(info.limit, smallest);
    tightest.largest.set(info.limit, largest);
  }
  return tightest;
}

json::object stage_json(const LimitLayers& layers) {
  const LimitBounds bounds = bounds_of(layers);
  // Without a request there are faults only where two bounds leave no value: then no default
  // either.
  const auto defaults = merge_limits(layers, {});
  json::object object;
  object["default"] = limits_json(defaults ? values_of(*defaults) : LimitValues{});
  object["smallest"] = limits_json(bounds.smallest);
  object["largest"] = limits_json(bounds.largest);
  return object;
}

}  // namespace

json::object runtime_json(const Offer& offer, const Settings& settings, const KeyBounds* key) {
  const runtime::Manifest& manifest = offer.entry->manifest;
  json::object object;
  object["id"] = manifest.id;
  object["name"] = manifest.name;
  object["aliases"] = texts(manifest.aliases);
  object["extensions"] = texts(manifest.extensions);
  object["version"] = text_or_null(offer.version);
  object["digest"] = text_or_null(offer.digest);
  object["available"] = offer.entry->is_available();
  object["main"] = manifest.main;
  object["compiles"] = manifest.compile.has_value();
  json::object limits;
  limits["compile"] = stage_json(layers_for(offer, settings, key, runtime::StageKind::compile));
  limits["run"] = stage_json(layers_for(offer, settings, key, runtime::StageKind::run));
  object["limits"] = std::move(limits);
  return object;
}

}  // namespace retort::api
