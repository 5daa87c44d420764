// Service: routes, and the checks before them.
#include "api/service.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "api/cors.h"
#include "api/job_feed.h"
#include "api/job_intake.h"
#include "api/job_runner.h"
#include "api/key_form.h"
#include "api/memory_bound.h"
#include "api/routes.h"
#include "api/webhook_delivery.h"
#include "base/clock.h"
#include "job/build.h"
#include "text/digest.h"

namespace retort::api {

using async::Task;
using http::Exchange;
using http::RequestHead;

Task<> Call::answer(http::Response response) {
  status = response.status;
  // A client that has left is told nothing.
  (void)co_await exchange.respond(std::move(response));
}

Task<> Call::answer(const Problem& problem) {
  http::Response response = to_response(problem);
  co_await answer(std::move(response));
}

Task<> Call::answer(unsigned code, const text::json::value& body) {
  http::Response response;
  response.status = code;
  response.body = text::compact(body);
  co_await answer(std::move(response));
}

std::string make_id() {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  constexpr std::size_t kLength = 26;  // of 5 bits each
  std::string id = text::random_bytes(kLength);
  for (char& c : id) c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
  return id;
}

Service::Service(const Parts& parts, Settings settings, std::map<std::string, Measured> measured)
    : parts_(parts),
      settings_(std::make_shared<const Settings>(std::move(settings))),
      callers_(parts_.executor, parts_.storage, *settings_),
      runs_({.executor = parts_.executor,
             .catalogue = parts_.catalogue,
             .engine = parts_.engine,
             .storage = parts_.storage,
             .metrics = parts_.metrics,
             .callers = callers_,
             .log = parts_.log},
            settings_,
            std::move(measured)),
      feeds_(std::make_unique<JobFeeds>(parts_.executor)),
      intake_(std::make_unique<JobIntake>(parts_.executor, parts_.storage)),
      webhooks_(
          std::make_unique<WebhookDelivery>(WebhookDelivery::Parts{.executor = parts_.executor,
                                                                   .storage = parts_.storage,
                                                                   .metrics = parts_.metrics,
                                                                   .log = parts_.log})),
      runner_(std::make_unique<JobRunner>(JobRunner::Parts{.executor = parts_.executor,
                                                           .engine = parts_.engine,
                                                           .storage = parts_.storage,
                                                           .metrics = parts_.metrics,
                                                           .log = parts_.log,
                                                           .runs = runs_,
                                                           .feeds = *feeds_,
                                                           .intake = *intake_,
                                                           .webhooks = *webhooks_,
                                                           .callers = callers_},
                                          settings_)) {}

Service::~Service() = default;

base::Status Service::start() {
  tell_what_is_missing();
  RETORT_CHECK(webhooks_->start(settings_->webhooks));
  runner_->start();
  return {};
}

void Service::tell_what_is_missing() const {
  if (runs_.offers().can_unpack()) return;
  parts_.log.warning("archives are refused",
                     {{"missing", job::kUnpacker}, {"mend", "apt-get install libarchive-tools"}});
}

void Service::use(Settings settings) {
  settings_ = std::make_shared<const Settings>(std::move(settings));
  callers_.use(*settings_);
  runs_.use(settings_);
  runner_->use(settings_);
  tell_what_is_missing();
  parts_.engine.resize(*settings_);
  webhooks_->use(settings_->webhooks);
}

Task<> Service::drain() {
  runs_.shut();
  runner_->shut();
  return wait_for_jobs();
}

Task<> Service::wait_for_jobs() {
  co_await runs_.ended();
  co_await runner_->ended();
}

void Service::cancel_all() {
  runs_.cancel_all();
  runner_->put_back();
  feeds_->end();
}

// ---- One request. ----

namespace {

// The parts of `path` where `pattern` has a name in braces; nothing when it does not match.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parts;
  const auto segments = [](std::string_view text) { return text | std::views::split('/'); };
  auto wanted = segments(pattern);
  auto given = segments(path);
  auto want = wanted.begin();
  auto give = given.begin();
  for (; want != wanted.end() && give != given.end(); ++want, ++give) {
    const std::string_view name(*want);
    const std::string_view value(*give);
    if (name.starts_with('{')) {
      if (value.empty()) return std::nullopt;
      parts.emplace_back(value);
    } else if (name != value) {
      return std::nullopt;
    }
  }
  if (want != wanted.end() || give != given.end()) return std::nullopt;
  return parts;
}

}  // namespace

// A page of another site whose name is made to resolve to this machine names itself in Host (DNS
// rebinding); so does nobody else.
std::optional<Problem> Service::check_host(const RequestHead& head) const {
  if (head.peer == "unix") return std::nullopt;
  const std::string* const header = head.header("host");
  if (header == nullptr || settings_->allows_host(*header)) return std::nullopt;
  return Problem{.code = ProblemCode::host_not_allowed,
                 .detail = "this server does not answer to the name " + shown(*header) +
                           "; its operator can allow it: server.allowed_hosts"};
}

// Browsers say from which page a request comes.
std::optional<Problem> Service::check_origin(const RequestHead& head) const {
  const std::string* const origin = head.header("origin");
  if (origin == nullptr) return std::nullopt;
  if (settings_->allows_origin(*origin)) return std::nullopt;
  const std::string* const host = head.header("host");
  if (host != nullptr && (*origin == "http://" + *host || *origin == "https://" + *host))
    return std::nullopt;
  return Problem{.code = ProblemCode::origin_not_allowed,
                 .detail = "pages of " + shown(*origin) + " may not use this server"};
}

Task<> Service::handle(Exchange& exchange) {
  const base::Duration since = base::monotonic_now();
  const RequestHead& head = exchange.head();
  CorsExchange answered(exchange, cors_headers(*settings_, head));
  Call call{.exchange = answered, .caller = {}, .parts = {}, .status = 0, .job = {}};
  std::string_view operation = "none";
  std::string allow;
  const Route* found = nullptr;
  for (const Route& route : routes()) {
    auto parts = match(route.pattern, head.path);
    if (!parts) continue;
    if (!allow.empty()) allow += ", ";
    allow += route.method;
    const bool is_head = head.method == "HEAD" && route.method == "GET";
    if (found != nullptr || (route.method != head.method && !is_head)) continue;
    found = &route;
    call.parts = *std::move(parts);
  }
  if (auto refusal = check_host(head)) {
    co_await call.answer(*refusal);
  } else if (auto foreign = check_origin(head)) {
    co_await call.answer(*foreign);
  } else if (!has_memory_reserve()) {
    co_await call.answer(memory_problem());
  } else if (found != nullptr) {
    operation = found->operation;
    co_await dispatch(call, *found);
  } else if (!allow.empty() && is_preflight(*settings_, head)) {
    operation = "preflight";
    http::Response response = preflight_answer(allow);
    co_await call.answer(std::move(response));
  } else if (!allow.empty()) {
    const Problem problem{.code = ProblemCode::method_not_allowed,
                          .detail = shown(head.method) + " is not for this; allowed: " + allow};
    http::Response response = to_response(problem);
    response.headers.push_back({"Allow", allow});
    co_await call.answer(std::move(response));
  } else {
    const Problem problem{.code = ProblemCode::not_found,
                          .detail = "there is nothing at " + shown(head.path) +
                                    "; /openapi.json lists what there is"};
    co_await call.answer(problem);
  }
  parts_.metrics.request_ended(operation, call.status);
  if (parts_.log.is_on(LogLevel::info)) {
    parts_.log.info("request",
                    {{"operation", operation},
                     {"status", call.status},
                     {"took_us", base::monotonic_now() - since},
                     {"peer", head.peer},
                     {"key", call.caller.key_id},
                     {"job", call.job}});
  }
}

Task<> Service::dispatch(Call& call, const Route& route) {
  if (route.scope != 0) {
    auto caller = co_await callers_.identify(call.head());
    if (!caller) {
      parts_.metrics.refused(info_of(caller.error().code).name);
      http::Response response = to_response(caller.error());
      if (caller.error().code == ProblemCode::unauthorized)
        response.headers.push_back({"WWW-Authenticate", "Bearer"});
      co_return co_await call.answer(std::move(response));
    }
    call.caller = *std::move(caller);
    if (!call.caller.may(route.scope)) {
      const Problem problem{
          .code = ProblemCode::forbidden,
          .detail = "this needs a key with the scope " + std::string(scope_name(route.scope))};
      co_return co_await call.answer(problem);
    }
  }
  co_await (this->*route.handler)(call);
}

// ---- What handlers share. ----

Task<std::expected<std::string, Problem>> Service::read_body(Call& call) {
  const std::string* const type = call.head().header("content-type");
  const std::string_view media =
      type == nullptr ? std::string_view() : std::string_view(*type).substr(0, type->find(';'));
  if (media != "application/json") {
    co_return std::unexpected(Problem{.code = ProblemCode::unsupported_media_type,
                                      .detail = "Content-Type must be application/json"});
  }
  const base::ByteSize largest = settings_->http.largest_body;
  // Who reads is not in the queue yet: what is on its way counts here.
  const std::uint64_t expected =
      std::min(call.head().content_length.value_or(largest.bytes()), largest.bytes());
  const auto pass = callers_.enter_body(call.caller, expected, settings_->queue.bytes.bytes());
  if (!pass) co_return std::unexpected(pass.error());
  auto body = co_await call.exchange.read_all(largest);
  if (!body) {
    if (body.error().fault == base::Fault::exhausted) {
      co_return std::unexpected(Problem{.code = ProblemCode::body_too_large,
                                        .detail = "a body may have " + base::to_text(largest) +
                                                  "; larger inputs go to /v1/blobs first",
                                        .extra = {{"largest_bytes", largest.bytes()}}});
    }
    co_return std::unexpected(
        Problem{.code = ProblemCode::bad_request, .detail = "the body could not be read"});
  }
  co_return *std::move(body);
}

Task<std::expected<text::json::value, Problem>> Service::read_json(Call& call) {
  auto body = co_await read_body(call);
  if (!body) co_return std::unexpected(std::move(body).error());
  auto json = text::parse_json(*body);
  if (!json) co_return std::unexpected(problem_of_json(json.error()));
  co_return *std::move(json);
}

}  // namespace retort::api
