// POST /v1/run: a job, answered when it ends.
#include "api/service.h"

namespace retort::api {

async::Task<> Service::run(Call& call) {
  auto body = co_await read_json(call);
  if (!body) co_return co_await call.answer(body.error());
  auto order = co_await runs_.order(*std::move(body), call.caller, JobForm::run);
  if (!order) co_return co_await call.answer(order.error());
  const auto pass = callers_.enter_job(call.caller);
  if (!pass) co_return co_await call.answer(pass.error());
  if (auto refusal = runs_.charge(*order, call.caller)) co_return co_await call.answer(*refusal);

  call.job = make_id();
  order->id = call.job;
  order->kind = "run";
  const std::string runtime = order->runtime;
  auto cancel = std::make_shared<Cancel>();
  call.exchange.on_gone([cancel] { cancel->cancel(); });
  auto result = co_await runs_.run(*std::move(order), cancel);
  if (!result) co_return co_await call.answer(result.error());
  http::Response response;
  response.body = co_await runs_.text_of(*std::move(result), runtime, call.job);
  co_await call.answer(std::move(response));
}

}  // namespace retort::api
