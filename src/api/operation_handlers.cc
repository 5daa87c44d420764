// /health, /metrics, /openapi.json: for those who run the server and those who write clients.
#include "api/openapi.h"
#include "api/service.h"

namespace retort::api {

using base::ByteSize;
using text::json::object;

async::Task<> Service::health(Call& call) {
  if (runs_.is_shut()) {
    // Those who send requests here are to send them elsewhere.
    const Problem problem = draining_problem();
    co_return co_await call.answer(problem);
  }
  const auto figures = parts_.engine.figures();
  const auto& capacity = parts_.engine.capacity();
  const text::json::value body = object{
      {"status", "ok"},
      {"slots", {{"taken", figures.seats_taken}, {"all", capacity.seats}}},
      {"queue",
       {{"length", figures.waiting},
        {"most", capacity.queue_length},
        {"forecast_us", figures.forecast.count()}}},
  };
  co_await call.answer(200, body);
}

async::Task<> Service::metrics(Call& call) {
  if (!settings_->metrics.listen.empty()) {
    const Problem problem{.code = ProblemCode::not_found,
                          .detail = "metrics are served at an address of their own"};
    co_return co_await call.answer(problem);
  }
  co_await answer_metrics(call);
}

async::Task<> Service::handle_metrics(http::Exchange& exchange) {
  Call call{.exchange = exchange, .caller = {}, .parts = {}, .status = 0, .job = {}};
  const bool is_read = call.head().method == "GET" || call.head().method == "HEAD";
  if (is_read && call.head().path == "/metrics") co_return co_await answer_metrics(call);
  const Problem problem{.code = ProblemCode::not_found, .detail = "here is /metrics and no more"};
  co_await call.answer(problem);
}

async::Task<> Service::answer_metrics(Call& call) {
  if (!settings_->metrics.enabled) {
    const Problem problem{.code = ProblemCode::not_found, .detail = "metrics are switched off"};
    co_return co_await call.answer(problem);
  }
  if (!settings_->metrics.is_public && settings_->requires_keys()) {
    const auto caller = co_await callers_.identify(call.head());
    if (!caller) co_return co_await call.answer(caller.error());
    if (!caller->may(store::scope::kManage)) {
      const Problem problem{.code = ProblemCode::forbidden,
                            .detail = "this needs a key with the scope manage"};
      co_return co_await call.answer(problem);
    }
  }
  if (parts_.storage.has_cache()) {
    auto ask = [](store::Cache& cache) { return ByteSize::of_bytes(cache.figures().bytes); };
    parts_.metrics.cache_is(co_await parts_.storage.with_cache(std::move(ask)));
  }
  http::Response response;
  response.content_type = kMetricsContentType;
  response.body = parts_.metrics.exposition();
  co_await call.answer(std::move(response));
}

async::Task<> Service::openapi(Call& call) {
  http::Response response;
  response.body = openapi_document();
  co_await call.answer(std::move(response));
}

}  // namespace retort::api
