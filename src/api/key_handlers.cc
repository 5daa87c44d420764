// /v1/keys and /v1/audit: who may call this server, and who changed that.
#include <algorithm>

#include "api/key_changes.h"
#include "api/key_form.h"
#include "api/service.h"
#include "api/storage_problem.h"
#include "base/units.h"

namespace retort::api {

using async::Task;
using base::Fault;
namespace json = text::json;

namespace {

constexpr std::int64_t kUsualPage = 100;
constexpr std::int64_t kMostOfPage = 1000;

Problem no_such_key(const std::string& id) {
  return {.code = ProblemCode::not_found, .detail = "there is no key " + shown(id)};
}

Problem problem_of(const base::Error& error, const std::string& id) {
  if (error.fault == Fault::not_found) return no_such_key(id);
  if (error.fault == Fault::invalid)
    return {.code = ProblemCode::invalid_request, .detail = error.what};
  if (error.fault == Fault::exhausted) return storage_problem(error);
  return internal_problem();
}

KeyChange change_by(const Caller& caller) {
  return {.actor = caller.key_id, .now_us = utc_now_us()};
}

std::expected<std::int64_t, Problem> number_of(const http::RequestHead& head,
                                               std::string_view name,
                                               std::int64_t fallback,
                                               std::int64_t largest) {
  const std::string* const text = head.parameter(name);
  if (text == nullptr) return fallback;
  const auto number = base::parse_count(*text, static_cast<std::uint64_t>(largest));
  if (number) return static_cast<std::int64_t>(*number);
  return std::unexpected(Problem{.code = ProblemCode::invalid_request,
                                 .detail = std::string(name) + ": " + number.error().what});
}

}  // namespace

Task<> Service::create_key(Call& call) {
  auto body = co_await read_json(call);
  if (!body) co_return co_await call.answer(body.error());
  auto wanted = parse_new_key(*body);
  if (!wanted) {
    const Problem problem = problem_of(std::move(wanted).error());
    co_return co_await call.answer(problem);
  }
  auto make = [wanted = *wanted, change = change_by(call.caller)](Storage::Stores& stores) {
    return api::create_key(stores.database, wanted, change);
  };
  const auto created = co_await parts_.storage.run(std::move(make));
  if (!created) {
    const Problem problem = problem_of(created.error(), "");
    co_return co_await call.answer(problem);
  }
  http::Response response;
  response.status = 201;
  response.headers = {{"Location", "/v1/keys/" + created->key.id}, {"Cache-Control", "no-store"}};
  response.body =
      text::compact(json::object{{"key", key_json(created->key)}, {"token", created->token}});
  co_await call.answer(std::move(response));
}

Task<> Service::list_keys(Call& call) {
  auto list = [](Storage::Stores& stores) { return stores.keys.list(); };
  const auto keys = co_await parts_.storage.run(std::move(list));
  if (!keys) {
    const Problem problem = problem_of(keys.error(), "");
    co_return co_await call.answer(problem);
  }
  json::array array;
  for (const store::Key& key : *keys) array.push_back(key_json(key));
  const json::value body = json::object{{"keys", array}};
  co_await call.answer(200, body);
}

Task<> Service::show_key(Call& call) {
  auto get = [id = call.parts.front()](Storage::Stores& stores) { return stores.keys.get(id); };
  const auto key = co_await parts_.storage.run(std::move(get));
  if (!key) {
    const Problem problem = problem_of(key.error(), call.parts.front());
    co_return co_await call.answer(problem);
  }
  const json::value body = key_json(*key);
  co_await call.answer(200, body);
}

Task<> Service::revoke_key(Call& call) {
  auto revoke = [id = call.parts.front(),
                 change = change_by(call.caller)](Storage::Stores& stores) {
    return api::revoke_key(stores.database, id, change);
  };
  const auto revoked = co_await parts_.storage.run(std::move(revoke));
  callers_.forget_keys();
  if (!revoked) {
    const Problem problem = problem_of(revoked.error(), call.parts.front());
    co_return co_await call.answer(problem);
  }
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  co_await call.answer(std::move(response));
}

Task<> Service::list_audit(Call& call) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62U;
  const auto before = number_of(call.head(), "before", 0, kMost);
  if (!before) co_return co_await call.answer(before.error());
  const auto limit = number_of(call.head(), "limit", kUsualPage, kMostOfPage);
  if (!limit) co_return co_await call.answer(limit.error());
  auto list = [before = *before, limit = std::max<std::int64_t>(1, *limit)](
                  Storage::Stores& stores) { return stores.audit.list(before, limit); };
  const auto entries = co_await parts_.storage.run(std::move(list));
  if (!entries) {
    const Problem problem = problem_of(entries.error(), "");
    co_return co_await call.answer(problem);
  }
  json::array array;
  for (const store::AuditEntry& entry : *entries) {
    array.push_back({{"sequence", entry.sequence},
                     {"time_us", entry.time_us},
                     {"actor", entry.actor},
                     {"action", entry.action},
                     {"object", entry.object},
                     {"detail", entry.detail}});
  }
  json::value next = nullptr;
  if (static_cast<std::int64_t>(entries->size()) == *limit && !entries->empty())
    next = entries->back().sequence;
  const json::value body = json::object{{"entries", array}, {"next", next}};
  co_await call.answer(200, body);
}

}  // namespace retort::api
