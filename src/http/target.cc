// Target: decoding, strictly.
#include "http/target.h"

#include <optional>

#include "base/bytes.h"
#include "http/ascii.h"

namespace retort::http {

using base::Error;
using base::Fault;
using base::Result;

namespace {

Error refuse(std::string why) {
  return Error{Fault::invalid, "the request target " + std::move(why), 0};
}

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = to_lower(c);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return std::nullopt;
}

enum class Part { path, query };

Result<std::string> decode(std::string_view text, Part part) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (text.size() - at < 3) return refuse("ends in half an escape");
      const auto high = hex_digit(text[at + 1]);
      const auto low = hex_digit(text[at + 2]);
      if (!high || !low) return refuse("has a '%' without two hexadecimal digits");
      c = static_cast<char>(*high * 16 + *low);
      at += 2;
      if (part == Part::path && c == '/') return refuse("has an encoded '/'");
      if (part == Part::path && is_control(c)) return refuse("has an encoded control character");
      if (c == '\0') return refuse("has an encoded NUL");
    } else if (c == '+' && part == Part::query) {
      c = ' ';
    }
    decoded.push_back(c);
  }
  if (!base::is_utf8(decoded)) return refuse("is not UTF-8");
  return decoded;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/' before it
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

}  // namespace

bool is_host(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('[')) {  // an IPv6 address
    const auto end = rest.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    for (const char c : rest.substr(1, end - 1))
      if (!hex_digit(c) && c != ':' && c != '.') return false;
    rest.remove_prefix(end + 1);
  } else {
    const auto end = std::min(rest.find(':'), rest.size());
    if (end == 0) return false;
    for (const char c : rest.substr(0, end))
      if (!is_alphanumeric(c) && !std::string_view("-._~%!$&'()*+,;=").contains(c)) return false;
    rest.remove_prefix(end);
  }
  if (rest.empty()) return true;
  if (!rest.starts_with(':') || rest.size() > 6) return false;
  return std::ranges::all_of(rest.substr(1), is_digit);
}

Result<Target> parse_target(std::string_view target, std::string_view host) {
  if (!target.starts_with('/')) {
    constexpr std::string_view kScheme = "http://";
    if (!is_same_ignoring_case(target.substr(0, kScheme.size()), kScheme))
      return refuse("is neither a path nor an absolute http address");
    target.remove_prefix(kScheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    if (!is_same_ignoring_case(target.substr(0, end), host))
      return refuse("names another host than Host does");
    target.remove_prefix(end);
  }
  for (const char c : target) {
    if (is_control(c) || c == ' ' || c == '#' || static_cast<unsigned char>(c) > 0x7f)
      return refuse("has a character that must be percent-encoded");
  }
  const auto question = std::min(target.find('?'), target.size());
  Target parsed;
  RETORT_TRY(parsed.path, decode(target.substr(0, question), Part::path));
  if (parsed.path.empty()) parsed.path = "/";
  if (has_dot_segment(parsed.path)) return refuse("has a segment '.' or '..'");
  target.remove_prefix(std::min(question + 1, target.size()));
  while (!target.empty()) {
    const auto end = std::min(target.find('&'), target.size());
    const std::string_view pair = target.substr(0, end);
    target.remove_prefix(std::min(end + 1, target.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    RETORT_TRY(std::string name, decode(pair.substr(0, equals), Part::query));
    RETORT_TRY(std::string value,
               decode(pair.substr(std::min(equals + 1, pair.size())), Part::query));
    parsed.query.emplace_back(std::move(name), std::move(value));
  }
  return parsed;
}

}  // namespace retort::http
