// Problem: one table of codes, and the document.
#include "api/problem.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"

namespace retort::api {

namespace json = text::json;

namespace {

using enum ProblemCode;

constexpr std::array kInfos = {
    ProblemInfo{.code = invalid_json,
                .name = "invalid_json",
                .status = 400,
                .title = "The body is not JSON",
                .meaning = "RFC 8259 read strictly: one document, no key twice in an object, "
                           "well-formed UTF-8, at most 32 levels; `detail` has line and column"},
    ProblemInfo{.code = invalid_request,
                .name = "invalid_request",
                .status = 400,
                .title = "The request has faults",
                .meaning = "every fault is in `errors`, each with its place; a query or header "
                           "that is wrong is in `detail`"},
    ProblemInfo{.code = limit_out_of_bounds,
                .name = "limit_out_of_bounds",
                .status = 400,
                .title = "A limit is outside its bounds",
                .meaning = "all of `errors` are limits outside a bound of this server or this "
                           "key; without `errors`, `detail` names a sum of limits that is; "
                           "nothing is clamped"},
    ProblemInfo{.code = unknown_runtime,
                .name = "unknown_runtime",
                .status = 400,
                .title = "There is no such runtime",
                .meaning = "no runtime has this id or alias, or none this version: see "
                           "`GET /v1/runtimes`"},
    ProblemInfo{.code = runtime_unavailable,
                .name = "runtime_unavailable",
                .status = 422,
                .title = "The runtime is not installed",
                .meaning = "the operator must install what it needs"},
    ProblemInfo{.code = archives_unavailable,
                .name = "archives_unavailable",
                .status = 422,
                .title = "Archives cannot be unpacked",
                .meaning = "the operator must install libarchive-tools; `files` are taken"},
    ProblemInfo{.code = blob_not_found,
                .name = "blob_not_found",
                .status = 422,
                .title = "A blob is not here",
                .meaning = "a job names a blob that this key has not uploaded, or that was "
                           "evicted: `PUT` those in `errors` and send the job again"},
    ProblemInfo{.code = blob_mismatch,
                .name = "blob_mismatch",
                .status = 422,
                .title = "The bytes are not those of the digest",
                .meaning = "the SHA-256 of what was uploaded is not the one in the path"},
    ProblemInfo{.code = unauthorized,
                .name = "unauthorized",
                .status = 401,
                .title = "A valid key is needed",
                .meaning = "no key, no valid key, an expired or a revoked one"},
    ProblemInfo{.code = forbidden,
                .name = "forbidden",
                .status = 403,
                .title = "The key does not allow this",
                .meaning = "the operation wants a scope that the key does not have"},
    ProblemInfo{.code = host_not_allowed,
                .name = "host_not_allowed",
                .status = 403,
                .title = "The Host header is not allowed",
                .meaning = "the name is not in `server.allowed_hosts`"},
    ProblemInfo{.code = origin_not_allowed,
                .name = "origin_not_allowed",
                .status = 403,
                .title = "The web page may not call this server",
                .meaning = "its origin is not in `server.allowed_origins`"},
    ProblemInfo{.code = not_found,
                .name = "not_found",
                .status = 404,
                .title = "There is nothing here",
                .meaning = "no such path, job, runtime, key or blob; what is another key's is "
                           "not there either"},
    ProblemInfo{.code = method_not_allowed,
                .name = "method_not_allowed",
                .status = 405,
                .title = "The method is not for this path",
                .meaning = "the header `Allow` lists those that are"},
    ProblemInfo{.code = conflict,
                .name = "conflict",
                .status = 409,
                .title = "The idempotency key was used for another request",
                .meaning = "a job with the same `Idempotency-Key` had another body"},
    ProblemInfo{.code = unsupported_media_type,
                .name = "unsupported_media_type",
                .status = 415,
                .title = "The body's type is not taken",
                .meaning = "a job is sent as `application/json`, a blob as "
                           "`application/octet-stream`"},
    ProblemInfo{.code = upgrade_required,
                .name = "upgrade_required",
                .status = 426,
                .title = "This path is a WebSocket",
                .meaning = "`GET /v1/interactive` wants the headers of RFC 6455"},
    ProblemInfo{.code = rate_limited,
                .name = "rate_limited",
                .status = 429,
                .title = "Too many requests",
                .meaning = "more requests or CPU time than this key or address may have; "
                           "`Retry-After` says when to try again"},
    ProblemInfo{.code = too_many_jobs,
                .name = "too_many_jobs",
                .status = 429,
                .title = "Too many jobs at one time",
                .meaning = "this key or address has as many jobs waiting and running as it may, "
                           "or half of what `async.most_stored` and `async.bytes` allow stored"},
    ProblemInfo{.code = queue_full,
                .name = "queue_full",
                .status = 429,
                .title = "The queue is full",
                .meaning = "`Retry-After` and `forecast_us` say when a place is expected"},
    ProblemInfo{.code = queue_timeout,
                .name = "queue_timeout",
                .status = 503,
                .title = "The job did not begin in time",
                .meaning = "it waited for `queue.wait` and was not run"},
    ProblemInfo{.code = draining,
                .name = "draining",
                .status = 503,
                .title = "The server is stopping",
                .meaning = "it finishes what it has and takes nothing new"},
    ProblemInfo{.code = unavailable,
                .name = "unavailable",
                .status = 503,
                .title = "Programs cannot be run right now",
                .meaning =
                    "the keeper is being started again, memory or open files are short, or another "
                    "process keeps the database; try again"},
    ProblemInfo{
        .code = storage_full,
        .name = "storage_full",
        .status = 507,
        .title = "The storage is full",
        .meaning =
            "the disk, or what `blobs.size`, `async.bytes` and `async.most_stored` allow, is "
            "full"},
    ProblemInfo{.code = blob_quota_exceeded,
                .name = "blob_quota_exceeded",
                .status = 507,
                .title = "Your blobs are too many",
                .meaning = "this key's blobs would have more than `blobs.size_per_key`, which is "
                           "in `largest_bytes`; delete some, or wait until they are forgotten"},
    ProblemInfo{.code = bad_request,
                .name = "bad_request",
                .status = 400,
                .title = "The request is not well-formed HTTP",
                .meaning = "`detail` says what is wrong; the connection is closed"},
    ProblemInfo{.code = request_timeout,
                .name = "request_timeout",
                .status = 408,
                .title = "The request came too slowly",
                .meaning = "its headers or its body were not whole in time"},
    ProblemInfo{.code = body_too_large,
                .name = "body_too_large",
                .status = 413,
                .title = "The body is too large",
                .meaning = "over `http.largest_body`, a blob over `blobs.largest`; send large "
                           "inputs as blobs"},
    ProblemInfo{.code = uri_too_long,
                .name = "uri_too_long",
                .status = 414,
                .title = "The path is too long",
                .meaning = "the request line is over `http.header_bytes`"},
    ProblemInfo{.code = unsupported_content_encoding,
                .name = "unsupported_content_encoding",
                .status = 415,
                .title = "The body is compressed",
                .meaning = "bodies are taken as they are, without Content-Encoding"},
    ProblemInfo{.code = expectation_failed,
                .name = "expectation_failed",
                .status = 417,
                .title = "The expectation cannot be met",
                .meaning = "`Expect` may only be `100-continue`"},
    ProblemInfo{.code = header_too_large,
                .name = "header_too_large",
                .status = 431,
                .title = "The headers are too large",
                .meaning = "over `http.header_bytes` together, or too many"},
    ProblemInfo{.code = internal_error,
                .name = "internal_error",
                .status = 500,
                .title = "Retort failed",
                .meaning = "a defect of ours or of the host; the operator's log has the reason"},
    ProblemInfo{.code = not_implemented,
                .name = "not_implemented",
                .status = 501,
                .title = "The transfer encoding is not known",
                .meaning = "the only `Transfer-Encoding` is `chunked`"},
    ProblemInfo{.code = too_many_connections,
                .name = "too_many_connections",
                .status = 503,
                .title = "Too many connections",
                .meaning = "the server, or this address, has as many as are allowed"},
    ProblemInfo{.code = http_version_not_supported,
                .name = "http_version_not_supported",
                .status = 505,
                .title = "The HTTP version is not known",
                .meaning = "the server speaks HTTP/1.1"},
};
static_assert(kInfos.size() == static_cast<std::size_t>(http_version_not_supported) + 1);

json::array to_json(const Faults& faults) {
  json::array errors;
  errors.reserve(faults.list().size());
  for (const FieldFault& fault : faults.list()) {
    json::object entry;
    entry["pointer"] = fault.pointer;
    entry["code"] = name_of(fault.code);
    entry["detail"] = fault.detail;
    errors.push_back(std::move(entry));
  }
  return errors;
}

// The code that speaks for all of them.
ProblemCode code_of(const Faults& faults) {
  const auto all = [&](FaultCode code) {
    return faults.omitted() == 0 && std::ranges::all_of(faults.list(), [&](const auto& fault) {
             return fault.code == code;
           });
  };
  if (all(FaultCode::limit_out_of_bounds)) return limit_out_of_bounds;
  if (all(FaultCode::unknown_runtime)) return unknown_runtime;
  if (all(FaultCode::runtime_unavailable)) return runtime_unavailable;
  if (all(FaultCode::archives_unavailable)) return archives_unavailable;
  return invalid_request;
}

}  // namespace

std::span<const ProblemInfo> problem_infos() {
  return kInfos;
}

const ProblemInfo& info_of(ProblemCode code) {
  return kInfos.at(static_cast<std::size_t>(code));
}

json::object to_json(const Problem& problem) {
  const ProblemInfo& info = info_of(problem.code);
  json::object document;
  document["type"] = "/problems/" + std::string(info.name);
  document["title"] = info.title;
  document["status"] = info.status;
  document["code"] = info.name;
  if (!problem.detail.empty()) document["detail"] = problem.detail;
  if (!problem.instance.empty()) document["instance"] = problem.instance;
  if (!problem.errors.empty()) document["errors"] = to_json(problem.errors);
  if (problem.errors.omitted() != 0) document["errors_omitted"] = problem.errors.omitted();
  if (problem.retry_after_s) document["retry_after_s"] = *problem.retry_after_s;
  for (const auto& [key, value] : problem.extra) document.insert_or_assign(key, value);
  return document;
}

http::Response to_response(const Problem& problem) {
  http::Response response;
  response.status = info_of(problem.code).status;
  response.content_type = "application/problem+json";
  if (problem.retry_after_s) {
    response.headers.push_back(
        {.name = "Retry-After", .value = std::to_string(*problem.retry_after_s)});
  }
  response.body = text::compact(to_json(problem)) + "\n";
  return response;
}

Problem problem_of(Faults faults) {
  Problem problem{.code = code_of(faults), .detail = {}};
  const std::size_t count = faults.count();
  const FieldFault& first = faults.list().front();
  problem.detail =
      first.pointer.empty() ? first.detail : base::printable(first.pointer) + ": " + first.detail;
  if (count > 1) problem.detail += "; and " + std::to_string(count - 1) + " more, see errors";
  problem.errors = std::move(faults);
  return problem;
}

Problem problem_of_json(const base::Error& error) {
  if (error.fault == base::Fault::exhausted) return memory_problem();
  if (error.fault != base::Fault::invalid) return internal_problem();
  return {.code = invalid_json, .detail = error.what};
}

Problem draining_problem() {
  return {.code = ProblemCode::draining,
          .detail = "this server is about to stop; try again",
          .retry_after_s = 1};
}

Problem memory_problem() {
  return {.code = ProblemCode::unavailable,
          .detail = "this server is short of memory; try again",
          .retry_after_s = 1};
}

Problem internal_problem() {
  return {.code = internal_error,
          .detail = "this is not the request's fault; the operator's log has the reason"};
}

}  // namespace retort::api
