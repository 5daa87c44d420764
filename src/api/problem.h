// Problem: the body of every answer that is a refusal or a failure (RFC 9457), with a stable code.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/faults.h"
#include "http/message.h"
#include "text/json.h"

namespace retort::api {

// Codes are never renamed and never change their meaning; docs/reference/problems.md lists them.
// The last ones are those that the HTTP layer itself answers with.
enum class ProblemCode : std::uint8_t {
  invalid_json,
  invalid_request,
  limit_out_of_bounds,
  unknown_runtime,
  runtime_unavailable,
  archives_unavailable,
  blob_not_found,
  blob_mismatch,
  unauthorized,
  forbidden,
  host_not_allowed,
  origin_not_allowed,
  not_found,
  method_not_allowed,
  conflict,
  unsupported_media_type,
  upgrade_required,
  rate_limited,
  too_many_jobs,
  queue_full,
  queue_timeout,
  draining,
  unavailable,
  storage_full,
  blob_quota_exceeded,
  bad_request,
  request_timeout,
  body_too_large,
  uri_too_long,
  unsupported_content_encoding,
  expectation_failed,
  header_too_large,
  internal_error,
  not_implemented,
  too_many_connections,
  http_version_not_supported,
};

struct ProblemInfo {
  ProblemCode code;
  std::string_view name;
  unsigned status;
  std::string_view title;    // the same for every occurrence
  std::string_view meaning;  // for the reference: when it comes, and what to do
};
// In the order of ProblemCode.
std::span<const ProblemInfo> problem_infos();
const ProblemInfo& info_of(ProblemCode code);

// `detail`, `errors` and `extra` hold no path or address of this host, and what they quote of the
// client's is printable.
struct Problem {
  ProblemCode code = ProblemCode::internal_error;
  std::string detail;         // for people; empty: none
  std::string instance = {};  // a URI reference to what it is about: "/v1/jobs/…"; empty: none
  Faults errors = {};
  // A whole number of seconds, which is also sent as a header.
  std::optional<std::uint64_t> retry_after_s = {};
  text::json::object extra = {};  // further members: "forecast_us", "bound"
};

// {"type": "/problems/CODE", "title", "status", "code", "detail", …}; with errors
// [{"pointer", "code", "detail"}], and "errors_omitted" when there were more.
text::json::object to_json(const Problem& problem);
// The same as an answer: application/problem+json, and Retry-After.
http::Response to_response(const Problem& problem);

// Of a body's faults: invalid_request, or, when all of them are of one such kind,
// limit_out_of_bounds, unknown_runtime, runtime_unavailable, archives_unavailable. `faults` is not
// empty.
Problem problem_of(Faults faults);

// Of a body that is no JSON (text::parse_json): invalid_json, or internal_error.
Problem problem_of_json(const base::Error& error);

// To those who come when the server is about to stop.
Problem draining_problem();

// What a client is told of a failure that is ours: nothing of it but that it is in the log.
// There is no memory for this request at this moment.
Problem memory_problem();
Problem internal_problem();

}  // namespace retort::api
