// HTTP client: requests to one server of Retort's, over TCP, TLS or a Unix socket. The only place
// of the command line that includes libcurl.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace retort::cli {

// Where a server is: http://HOST[:PORT][/PATH], https://…, or unix:/PATH of its socket.
struct ServerAddress {
  std::string text;         // for people
  std::string url;          // without a slash at its end
  std::string unix_socket;  // empty: TCP
  bool is_private = false;  // encrypted, or never on a wire
};
// Fault::invalid also for a user or a password in it: a key does not belong on a command line.
base::Result<ServerAddress> parse_server(std::string_view text);

struct HttpRequest {
  const char* method = "GET";
  std::string path;  // below the server's URL: "/v1/run"
  std::string content_type;
  std::string body;
  // Instead of the body: `size` bytes of a file from `begin` on, read as they are sent.
  const base::Fd* file = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

struct HttpAnswer {
  long status = 0;
  std::string content_type;
  std::string body;  // at most kLargestAnswer bytes
  std::string location;
};
constexpr std::size_t kLargestAnswer = 1U << 30U;

class HttpClient {
 public:
  // With `key` (empty: none) every request has it. When the descriptor `interrupt` becomes
  // readable, a request is broken off; nothing is read from it.
  static base::Result<std::unique_ptr<HttpClient>> create(ServerAddress server,
                                                          const std::string& key,
                                                          int interrupt);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // Waits for as long as the server does. Whatever it answers is an answer; redirects are not
  // followed, since the key is for one server. Fault::gone: interrupted, and the connection is
  // closed. Other errors: there is no answer.
  base::Result<HttpAnswer> send(const HttpRequest& request);

  [[nodiscard]] const ServerAddress& server() const { return server_; }

 private:
  struct Handles;
  HttpClient(ServerAddress server, int interrupt);
  base::Status perform();

  ServerAddress server_;
  int interrupt_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace retort::cli
