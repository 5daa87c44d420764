// Cors: the headers.
#include "api/cors.h"

namespace retort::api {

using async::Task;

namespace {

// Of requests, beyond those that every page may send: all that handlers look at.
constexpr const char* kRequestHeaders =
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID";
// Of answers, beyond those that every page may read.
constexpr const char* kAnswerHeaders = "Allow, Location, Retry-After, WWW-Authenticate";
// Seconds for which a browser need not ask again. A page that is listed no longer is refused all
// the same: the request itself is checked.
constexpr const char* kMemory = "3600";

const std::string* listed_origin(const Settings& settings, const http::RequestHead& head) {
  const std::string* const origin = head.header("origin");
  return origin != nullptr && settings.allows_origin(*origin) ? origin : nullptr;
}

}  // namespace

std::vector<http::Header> cors_headers(const Settings& settings, const http::RequestHead& head) {
  if (settings.server.allowed_origins.empty()) return {};
  // Also for those who are not listed, or no pages: a cache must not give one what another got.
  std::vector<http::Header> headers = {{"Vary", "Origin"}};
  if (const std::string* const origin = listed_origin(settings, head)) {
    headers.push_back({"Access-Control-Allow-Origin", *origin});
    headers.push_back({"Access-Control-Expose-Headers", kAnswerHeaders});
  }
  return headers;
}

bool is_preflight(const Settings& settings, const http::RequestHead& head) {
  return head.method == "OPTIONS" && head.header("access-control-request-method") != nullptr &&
         listed_origin(settings, head) != nullptr;
}

http::Response preflight_answer(std::string_view methods) {
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers = {{"Access-Control-Allow-Methods", std::string(methods)},
                      {"Access-Control-Allow-Headers", kRequestHeaders},
                      {"Access-Control-Max-Age", kMemory}};
  return response;
}

void CorsExchange::add_to(std::vector<http::Header>& headers) const {
  headers.insert(headers.end(), headers_.begin(), headers_.end());
}

Task<base::Status> CorsExchange::respond(http::Response response) {
  add_to(response.headers);
  return exchange_.respond(std::move(response));
}

Task<base::Status> CorsExchange::begin(unsigned status, std::vector<http::Header> headers) {
  add_to(headers);
  return exchange_.begin(status, std::move(headers));
}

}  // namespace retort::api
