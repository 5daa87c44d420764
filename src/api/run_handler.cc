// POST /v1/run: a job, answered when it ends.
#include "api/service.h"

namespace retort::api {

async::Task<> Service::run(Call& call) {
  auto body = co_await read_json(call);
  if (!body) co_return co_await call.answer(body.error());
  auto request = co_await read_job(*body, call.caller);
  if (!request) co_return co_await call.answer(request.error());
  const auto pass = callers_.enter_job(call.caller);
  if (!pass) co_return co_await call.answer(pass.error());

  call.job = make_id();
  const std::string runtime = request->runtime_id;
  auto cancel = std::make_shared<Cancel>();
  call.exchange.on_gone([cancel] { cancel->cancel(); });
  Order order = order_of(*std::move(request), call.caller);
  const auto result = co_await run_job(std::move(order), cancel);
  if (!result) co_return co_await call.answer(result.error());
  const text::json::value record = result_json(*result, runtime, call.job);
  co_await call.answer(200, record);
}

}  // namespace retort::api
