// RequestParser: the bytes of a request to its head and body, strictly (RFC 9112).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/message.h"

namespace retort::http {

// Why the server itself answers a request, and closes the connection.
struct Refusal {
  unsigned status = 400;
  std::string_view code;
  std::string detail;
};

// Looks for the end of a head in bytes as they come.
class HeadScanner {
 public:
  enum class State { incomplete, whole, malformed };
  // `text` is all that has come of the request so far. Malformed: a line ends in a bare LF.
  State scan(std::string_view text);
  // Of the head, its empty line included; once it is whole.
  [[nodiscard]] std::size_t size() const { return scanned_; }
  [[nodiscard]] bool has_request_line() const { return has_request_line_; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_ = 0;  // where the line begins that is not whole yet
  bool has_request_line_ = false;
};

class RequestParser {
 public:
  enum class Body { none, length, chunked };

  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser();

  // Begins a request. `text` is a whole head, its empty line included. Refused is what two readers
  // could understand differently: more than one length, a header that came twice and must not,
  // folded lines, control characters, Host that is absent or not the target's.
  std::optional<Refusal> parse_head(std::string_view text, std::size_t most_headers);

  // Of the last head that was not refused.
  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] RequestHead& head() { return head_; }
  [[nodiscard]] Body body() const { return body_; }
  [[nodiscard]] bool is_http_1_0() const { return is_http_1_0_; }
  [[nodiscard]] bool keeps_alive() const { return keeps_alive_; }
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }

  // Takes some of `raw`, which is what follows the head, and gives what it decodes to.
  struct Decoded {
    std::size_t taken = 0;
    std::size_t given = 0;
    bool is_end = false;  // of the body, its trailers included (which are dropped)
    bool is_malformed = false;
  };
  Decoded decode_chunks(std::string_view raw, std::span<char> into);

 private:
  struct Library;
  std::optional<Refusal> check_fields();
  std::optional<Refusal> check_framing();

  std::unique_ptr<Library> library_;
  RequestHead head_;
  Body body_ = Body::none;
  bool is_http_1_0_ = false;
  bool keeps_alive_ = false;
  bool expects_continue_ = false;
};

}  // namespace retort::http
