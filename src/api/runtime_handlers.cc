// /v1/runtimes: what can be run here.
#include "api/service.h"
#include "cell/limits.h"

namespace retort::api {

using text::json::array;
using text::json::object;

namespace {

object limits_json(const cell::Limits& limits) {
  object record;
  const LimitValues values = values_of(limits);
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const auto value = values.get(info.limit);
    if (!value) continue;
    if (info.limit == cell::Limit::network) {
      record[info.json] = cell::limit_text(limits, info.limit);
    } else {
      record[info.json] = *value;
    }
  }
  return record;
}

object runtime_json(const Offer& offer) {
  const runtime::Manifest& manifest = offer.entry->manifest;
  object record;
  record["id"] = manifest.id;
  record["name"] = manifest.name;
  record["version"] = offer.version;
  record["aliases"] = array(manifest.aliases.begin(), manifest.aliases.end());
  record["extensions"] = array(manifest.extensions.begin(), manifest.extensions.end());
  record["compiled"] = manifest.compile.has_value();
  record["available"] = offer.entry->is_available();
  return record;
}

}  // namespace

async::Task<> Service::list_runtimes(Call& call) {
  array list;
  for (const Offer& offer : offers_.all()) list.push_back(runtime_json(offer));
  const text::json::value body = object{{"runtimes", list}};
  co_await call.answer(200, body);
}

async::Task<> Service::show_runtime(Call& call) {
  for (const Offer& offer : offers_.all()) {
    const runtime::Manifest& manifest = offer.entry->manifest;
    if (manifest.id != call.parts.front()) continue;
    object record = runtime_json(offer);
    record["digest"] = offer.digest;
    record["main"] = manifest.main;
    const auto merged = [&](runtime::StageKind stage) {
      LimitLayers layers = settings_->limit_layers(stage, manifest);
      const auto limits = merge_limits(layers, {});
      return limits_json(limits ? *limits : layers.defaults);
    };
    object limits;
    limits["run"] = merged(runtime::StageKind::run);
    if (manifest.compile) limits["compile"] = merged(runtime::StageKind::compile);
    record["default_limits"] = limits;
    const text::json::value body = record;
    co_return co_await call.answer(200, body);
  }
  const Problem problem{.code = ProblemCode::unknown_runtime,
                        .detail = "there is no runtime " + shown(call.parts.front())};
  http::Response response = to_response(problem);
  response.status = 404;
  co_await call.answer(std::move(response));
}

}  // namespace retort::api
