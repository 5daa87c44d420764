// Message: the heads and bodies of HTTP as plain values (RFC 9110).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort::http {

struct Header {
  std::string name;
  std::string value;
};

// What a request says before its body. Everything here was checked: names are tokens, values are
// without control characters, what may come once came once, Host is there (HTTP/1.1).
struct RequestHead {
  std::string method;  // "GET"
  // Percent-decoded UTF-8 without the query. Begins with '/'; has no control character, no "." or
  // ".." segment, and no '/' that was encoded.
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order; '+' is a space
  std::vector<Header> headers;
  std::optional<std::uint64_t> content_length;
  std::string peer;              // "127.0.0.1:4711", "[::1]:4711", "unix"
  bool wants_websocket = false;  // Exchange::accept_websocket may be called

  // The value of the first header of that name, by any case of letters; nullptr: there is none.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  // The value of the first query parameter of that name; nullptr: there is none.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
};

// Date, Content-Length and Connection are the server's to set.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";  // empty: none is sent
  std::vector<Header> headers;
  std::string body;
};

// An RFC 9457 problem document with a stable `code`. `detail` is for people, and may quote the
// client.
Response problem(unsigned status, std::string_view code, std::string_view detail);

// "Not Found" for 404; a general word for a status of no standard.
std::string_view reason_phrase(unsigned status);

}  // namespace retort::http
