// HTTP client: questions to one server of Retort's, over TCP, TLS or a Unix socket, and connections
// for what is more than a question. The only place of the command line that includes libcurl.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/websocket_client.h"

namespace retort::cli {

// Where a server is: http://HOST[:PORT][/PATH], https://…, or unix:/PATH of its socket.
struct ServerAddress {
  std::string text;         // for people
  std::string url;          // without a slash at its end
  std::string host;         // as a request's header has it: "box:8080"
  std::string path;         // of the URL, which goes before each request's: "" or "/retort"
  std::string unix_socket;  // empty: TCP
  bool is_private = false;  // encrypted, or never on a wire
};
// Fault::invalid also for a user or a password in it: a key does not belong on a command line.
base::Result<ServerAddress> parse_server(std::string_view text);

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

  // `path` is below the server's URL. Waits for as long as the server does. Whatever it answers is
  // an answer; redirects are not followed, since the key is for one server. Fault::gone:
  // interrupted, and the connection is closed. Other errors: there is no answer.
  base::Result<HttpAnswer> get(const std::string& path);

  // A connection of its own, through the same proxy and with the same checks as a request's.
  // Errors as above.
  base::Result<std::unique_ptr<http::Transport>> connect();
  // The value of the header Authorization; empty: there is no key.
  [[nodiscard]] std::string authorization() const;

  [[nodiscard]] const ServerAddress& server() const { return server_; }

 private:
  struct Handles;
  class Connection;
  HttpClient(ServerAddress server, int interrupt);
  base::Status perform(Handles& handles) const;

  ServerAddress server_;
  int interrupt_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace retort::cli
