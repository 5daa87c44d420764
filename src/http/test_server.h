// TestServer: a server on its own thread with handlers for tests, and raw sockets to it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "base/fd.h"
#include "http/server.h"

namespace retort::http {

// What the handlers did, seen from the test's thread by `ask`.
struct Observed {
  int gone = 0;
  int unfinished = 0;  // handlers that have begun and not returned
  std::string error;   // of the last operation that failed
  bool timed_out = false;
  std::size_t read = 0;  // bytes of the last body read by pieces
};

class TestServer {
 public:
  explicit TestServer(Options options = {});
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint16_t port() const;
  // Runs it on the server's thread, and returns when it has.
  void ask(const std::function<void(Server&, Observed&)>& question);
  Observed observed();
  Statistics statistics();
  // Begins; `is_drained` tells when it has.
  void drain(base::Duration limit);
  [[nodiscard]] bool is_drained();

 private:
  asio::io_context context_{1};
  std::shared_ptr<Observed> observed_ = std::make_shared<Observed>();
  std::unique_ptr<Server> server_;
  std::string address_;
  bool is_drained_ = false;
  std::thread thread_;
};

// A blocking client of raw bytes, which gives up after some seconds.
class Client {
 public:
  explicit Client(const TestServer& server) : Client(server.port()) {}
  explicit Client(std::uint16_t port);
  explicit Client(const std::string& unix_path);

  // False: the server has closed.
  bool send(std::string_view bytes);
  // Until this has come, all of it included; what came when the server closes or nothing comes.
  std::string read_until(std::string_view end);
  std::string read_to_end();
  // One answer with a Content-Length: its head and body.
  std::string read_answer();
  void end_writing();
  void reset();  // with a TCP reset
  void close() { socket_.reset(); }
  [[nodiscard]] bool is_closed_by_server();
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  bool read_more();
  base::Fd socket_;
  std::string read_;
};

std::string get(std::string_view path, std::string_view headers = "");
std::string post(std::string_view path, std::string_view body, std::string_view headers = "");
// "200" of an answer; "" of none.
std::string status_of(std::string_view answer);

// Asks until it is so; false after some seconds.
bool becomes_true(const std::function<bool()>& question);

}  // namespace retort::http
