// /v1/runtimes: what can be run here.
#include "api/runtime_json.h"
#include "api/service.h"

namespace retort::api {

using text::json::array;
using text::json::object;

async::Task<> Service::list_runtimes(Call& call) {
  array list;
  for (const Offer& offer : runs_.offers().all())
    list.push_back(runtime_json(offer, *settings_, &call.caller.bounds));
  const text::json::value body = object{{"runtimes", list}};
  co_await call.answer(200, body);
}

async::Task<> Service::show_runtime(Call& call) {
  const std::string& id = call.parts.front();
  for (const Offer& offer : runs_.offers().all()) {
    if (offer.entry->manifest.id != id) continue;
    const text::json::value body = runtime_json(offer, *settings_, &call.caller.bounds);
    co_return co_await call.answer(200, body);
  }
  const Problem problem{.code = ProblemCode::not_found,
                        .detail = "there is no runtime " + shown(id)};
  co_await call.answer(problem);
}

}  // namespace retort::api
