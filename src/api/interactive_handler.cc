// GET /v1/interactive: a job whose streams are a WebSocket's messages.
#include "api/interactive.h"
#include "api/service.h"
#include "job/report.h"

namespace retort::api {

namespace json = text::json;
using async::Task;

namespace {

// For init to come; a place is held for so long.
constexpr base::Duration kPatience = std::chrono::seconds(10);

}  // namespace

Task<> Service::interact(Call& call) {
  if (!call.head().wants_websocket) {
    const Problem problem{.code = ProblemCode::upgrade_required,
                          .detail = "this is a WebSocket (RFC 6455, version 13)"};
    http::Response response = to_response(problem);
    response.headers.push_back({"Upgrade", "websocket"});
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
    co_return co_await call.answer(std::move(response));
  }
  if (runs_.is_shut()) {
    const Problem problem{.code = ProblemCode::draining,
                          .detail = "this server is about to stop; try again",
                          .retry_after_s = 1};
    co_return co_await call.answer(problem);
  }
  const auto pass = callers_.enter_job(call.caller);
  if (!pass) co_return co_await call.answer(pass.error());
  const Settings::Http http = settings_->http;
  http::WebSocketLimits limits;
  limits.largest_message = http.largest_body;
  limits.idle = http.idle_timeout;
  limits.message = http.body_timeout;
  limits.stall = http.write_timeout;
  auto socket = co_await call.exchange.accept_websocket(limits, "");
  if (!socket) co_return;
  call.status = 101;
  call.job = make_id();
  auto cancel = std::make_shared<Cancel>();
  const auto session =
      std::make_shared<Interactive>(parts_.executor, *std::move(socket), std::move(cancel));
  session->start();
  std::optional<std::string> result;
  auto opening = co_await session->next_opening(kPatience);
  if (opening) {
    result = co_await run_interactive(
        call, session, std::move(opening->message), opening->is_announcement);
  }
  co_await session->close(std::move(result), http.write_timeout);
}

Task<std::optional<std::string>> Service::run_interactive(Call& call,
                                                          std::shared_ptr<Interactive> session,
                                                          json::object message,
                                                          bool is_announced) {
  std::expected<Order, Problem> order;
  if (is_announced) {
    order = announced_order(std::move(message), call.caller);
  } else {
    order =
        co_await runs_.order(std::move(message["job"]), call.caller, JobForm::interactive, "job");
  }
  if (!order) {
    session->fail(std::move(order).error());
    co_return std::nullopt;
  }
  if (auto refusal = runs_.charge(*order, call.caller)) {
    session->fail(*std::move(refusal));
    co_return std::nullopt;
  }
  order->id = call.job;
  order->kind = "interactive";
  const std::string runtime = order->runtime;
  order->on_moved = [session](std::size_t ahead) { session->send_queued(ahead); };
  order->on_seat = [this, session, is_announced, caller = call.caller](Order& seated) {
    return join_interactive(seated, session, caller, is_announced);
  };
  order->on_started = [session](const std::shared_ptr<job::Job>& job) { session->job_is(job); };
  auto ended = co_await runs_.run(*std::move(order), session->cancel());
  if (!ended) {
    session->fail(std::move(ended).error());
    co_return std::nullopt;
  }
  if (session->has_failed() || session->is_left()) co_return std::nullopt;
  co_return co_await runs_.text_of(*std::move(ended), runtime, call.job);
}

// A place for any job of this runtime and these limits.
std::expected<Order, Problem> Service::announced_order(json::object message,
                                                       const Caller& caller) const {
  message.erase("type");
  message["files"] = json::array{json::object{{"content", ""}}};
  auto request = runs_.parse(message, caller, JobForm::interactive);
  if (!request) return std::unexpected(problem_of(std::move(request).error()));
  request->submission.program.archive.emplace();  // it may have one, which takes memory to unpack
  return runs_.order_of(*std::move(request), caller);
}

// Of run_interactive: it has its seat.
Task<bool> Service::join_interactive(Order& order,
                                     std::shared_ptr<Interactive> session,
                                     Caller caller,
                                     bool is_announced) {
  if (is_announced) {
    session->send_ready();
    auto opening = co_await session->next_opening(kPatience);
    if (!opening) co_return false;
    auto complete = co_await runs_.order(
        std::move(opening->message["job"]), std::move(caller), JobForm::interactive, "job");
    if (!complete) {
      session->fail(std::move(complete).error());
      co_return false;
    }
    const base::ByteSize memory = job::memory_of(order.submission);
    const base::Duration cpu_time = job::cpu_ceiling_of(order.submission);
    if (complete->runtime != order.runtime || job::memory_of(complete->submission) > memory ||
        job::cpu_ceiling_of(complete->submission) > cpu_time) {
      session->fail({.code = ProblemCode::invalid_request,
                     .detail = "what was announced is a job of " + order.runtime +
                               " with at most " + std::to_string(memory.bytes()) +
                               " bytes of memory and " + base::to_text(cpu_time) + " of CPU time"});
      co_return false;
    }
    order.submission = std::move(complete->submission);
    order.use_cache = complete->use_cache;
  }
  order.submission.on_stage = [session](const job::StageResult& stage) {
    const json::object message = {{"type", "stage"}, {"stage", job::to_json(stage)}};
    session->send(message);
  };
  const auto attached = session->attach(order.submission.streams);
  if (!attached) {
    parts_.log.error("an interactive job has no streams", {{"error", attached.error()}});
    session->fail(internal_problem());
  }
  co_return attached.has_value();
}

}  // namespace retort::api
