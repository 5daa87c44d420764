// Message: look-ups, reason phrases and problem documents.
#include "http/message.h"

#include <algorithm>

#include <boost/beast/http/status.hpp>

#include "http/ascii.h"
#include "text/json.h"

namespace retort::http {

const std::string* RequestHead::header(std::string_view name) const {
  const auto found = std::ranges::find_if(
      headers, [name](const Header& header) { return is_same_ignoring_case(header.name, name); });
  return found == headers.end() ? nullptr : &found->value;
}

const std::string* RequestHead::parameter(std::string_view name) const {
  const auto found =
      std::ranges::find_if(query, [name](const auto& pair) { return pair.first == name; });
  return found == query.end() ? nullptr : &found->second;
}

std::string_view reason_phrase(unsigned status) {
  const auto known = boost::beast::http::int_to_status(status);
  // Beast's word for 413 is RFC 7231's.
  if (status == 413) return "Content Too Large";
  if (status == 422) return "Unprocessable Content";
  return std::string_view(boost::beast::http::obsolete_reason(known));
}

Response problem(unsigned status, std::string_view code, std::string_view detail) {
  text::json::object document;
  document["type"] = "about:blank";
  document["title"] = reason_phrase(status);
  document["status"] = status;
  document["code"] = code;
  document["detail"] = detail;
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = text::compact(document) + "\n";
  return response;
}

}  // namespace retort::http
