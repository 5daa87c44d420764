// TestServer: handlers that do what tests need.
#include "http/test_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <cstring>
#include <future>
#include <stdexcept>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/event.h"

namespace retort::http {

using base::ByteSize;
using base::Duration;
using base::Result;
using base::Status;

namespace {

constexpr int kPatience = 20'000;  // milliseconds

void note(Observed& observed, const base::Error& error) {
  observed.error = error.what;
  observed.timed_out = async::is_timeout(error);
}

Task<> echo(Exchange& exchange, Observed& observed) {
  const Result<std::string> body = co_await exchange.read_all(ByteSize::of_bytes(1000));
  if (!body) {
    note(observed, body.error());
    co_return;
  }
  Response response;
  response.content_type = "text/plain";
  response.body = *body;
  (void)co_await exchange.respond(std::move(response));
}

Task<> count(Exchange& exchange, Observed& observed) {
  std::array<char, 4096> piece{};
  observed.read = 0;
  while (true) {
    const Result<std::size_t> got = co_await exchange.read_some(piece);
    if (!got) note(observed, got.error());
    if (!got) co_return;
    if (*got == 0) break;
    observed.read += *got;
  }
  Response response;
  response.body = std::to_string(observed.read);
  (void)co_await exchange.respond(std::move(response));
}

// Works until the client has gone, or until the path's last part says.
Task<> work(Exchange& exchange, std::shared_ptr<Observed> observed) {
  const async::Executor executor = co_await asio::this_coro::executor;
  auto gone = std::make_shared<async::Event>(executor);
  exchange.on_gone([observed, gone] {
    ++observed->gone;
    gone->set();
  });
  const std::string* limit = exchange.head().parameter("ms");
  const long most = limit == nullptr ? 600'000 : std::strtol(limit->c_str(), nullptr, 10);
  Task<> wait = gone->wait();
  (void)co_await async::within(std::chrono::milliseconds(most), std::move(wait));
  Response response;
  response.body = "done";
  (void)co_await exchange.respond(std::move(response));
}

Task<> stream(Exchange& exchange, Observed& observed) {
  const std::string* pieces = exchange.head().parameter("pieces");
  std::vector<Header> headers;
  headers.push_back({"Content-Type", "text/plain"});
  if (const std::string* length = exchange.head().parameter("length"))
    headers.push_back({"Content-Length", *length});
  const Status begun = co_await exchange.begin(200, std::move(headers));
  if (!begun) note(observed, begun.error());
  const long most = pieces == nullptr ? 0 : std::strtol(pieces->c_str(), nullptr, 10);
  for (long piece = 0; piece < most; ++piece) {
    const Status written = co_await exchange.write(std::string("piece"));
    if (!written) note(observed, written.error());
    if (!written) co_return;
  }
  if (exchange.head().parameter("unfinished") != nullptr) co_return;
  const Status ended = co_await exchange.end();
  if (!ended) note(observed, ended.error());
}

Task<> flood(Exchange& exchange, Observed& observed) {
  (void)co_await exchange.begin(200, {});
  while (true) {
    const Status written = co_await exchange.write(std::string(65536, 'x'));
    if (written) continue;
    note(observed, written.error());
    co_return;
  }
}

Task<> talk(Exchange& exchange, Observed& observed) {
  WebSocketLimits limits;
  limits.largest_message = ByteSize::of_bytes(100'000);
  limits.idle = std::chrono::milliseconds(400);
  limits.message = std::chrono::milliseconds(300);
  limits.stall = std::chrono::milliseconds(300);
  const bool floods = exchange.head().parameter("flood") != nullptr;
  if (floods) limits.idle = std::chrono::seconds(60);
  auto opened = co_await exchange.accept_websocket(limits, "test.v1");
  if (!opened) note(observed, opened.error());
  if (!opened) co_return;
  while (true) {
    auto message = co_await (*opened)->read();
    if (!message) note(observed, message.error());
    if (!message) co_return;
    if (message->bytes == "close") co_await (*opened)->close(4000, "as you wish");
    if (floods) message->bytes.assign(65536, 'x');
    for (int count = 0; count < (floods ? 10'000 : 1); ++count) {
      const Status written = co_await (*opened)->write(message->binary, message->bytes);
      if (!written) note(observed, written.error());
      if (!written) co_return;
    }
  }
}

Task<> answer(Exchange& exchange, int status, std::string body) {
  Response response;
  response.status = static_cast<unsigned>(status);
  response.body = std::move(body);
  (void)co_await exchange.respond(std::move(response));
}

Task<> split(Exchange& exchange, Observed& observed) {
  Response response;
  response.headers.push_back({"X-Evil", "a\r\nSet-Cookie: b"});
  const Status sent = co_await exchange.respond(std::move(response));
  if (!sent) note(observed, sent.error());
}

Task<> handle(Exchange& exchange, std::shared_ptr<Observed> observed) {
  struct Counted {
    explicit Counted(Observed& seen) : observed(seen) { ++observed.unfinished; }
    ~Counted() { --observed.unfinished; }
    Observed& observed;
  };
  const Counted counted(*observed);
  const std::string& path = exchange.head().path;
  if (path == "/echo") co_return co_await echo(exchange, *observed);
  if (path == "/count") co_return co_await count(exchange, *observed);
  if (path == "/work") co_return co_await work(exchange, observed);
  if (path == "/stream") co_return co_await stream(exchange, *observed);
  if (path == "/flood") co_return co_await flood(exchange, *observed);
  if (path == "/talk") co_return co_await talk(exchange, *observed);
  if (path == "/split") co_return co_await split(exchange, *observed);
  if (path == "/silent") co_return;
  if (path == "/throw") throw std::runtime_error("on purpose");
  if (path == "/nothing") co_return co_await answer(exchange, 204, "");
  if (path == "/large") co_return co_await answer(exchange, 200, std::string(5'000'000, 'x'));
  if (path == "/peer") co_return co_await answer(exchange, 200, exchange.head().peer);
  co_await answer(exchange, 200, exchange.head().method + " " + path);
}

}  // namespace

TestServer::TestServer(Options options) {
  options.log = [](const std::string&) {};
  auto observed = observed_;
  auto created = Server::create(context_, std::move(options), [observed](Exchange& exchange) {
    return handle(exchange, observed);
  });
  if (!created) throw std::runtime_error(created.error().what);
  server_ = *std::move(created);
  if (auto listening = server_->listen_tcp("127.0.0.1:0"); !listening)
    throw std::runtime_error(listening.error().what);
  address_ = server_->addresses().front();
  thread_ = std::thread([this] {
    const auto guard = asio::make_work_guard(context_);
    context_.run();
  });
}

TestServer::~TestServer() {
  ask([this](Server&, Observed&) { server_.reset(); });
  // Everything ends by itself once it is cut.
  EXPECT_TRUE(becomes_true([this] { return observed().unfinished == 0; }));
  context_.stop();
  thread_.join();
}

std::uint16_t TestServer::port() const {
  return static_cast<std::uint16_t>(std::stoi(address_.substr(address_.rfind(':') + 1)));
}

void TestServer::ask(const std::function<void(Server&, Observed&)>& question) {
  std::promise<void> asked;
  asio::post(context_, [&] {
    question(*server_, *observed_);
    asked.set_value();
  });
  asked.get_future().wait();
}

Observed TestServer::observed() {
  std::promise<Observed> answer;
  asio::post(context_, [&] { answer.set_value(*observed_); });
  return answer.get_future().get();
}

Statistics TestServer::statistics() {
  Statistics statistics;
  ask([&](Server& server, Observed&) { statistics = server.statistics(); });
  return statistics;
}

namespace {

Task<> drain_and_tell(Task<> drain, bool& is_drained) {
  co_await std::move(drain);
  is_drained = true;
}

}  // namespace

void TestServer::drain(Duration limit) {
  ask([&](Server& server, Observed&) {
    async::spawn(context_.get_executor(), drain_and_tell(server.drain(limit), is_drained_));
  });
}

bool TestServer::is_drained() {
  bool is_drained = false;
  ask([&](Server&, Observed&) { is_drained = is_drained_; });
  return is_drained;
}

Client::Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

Client::Client(const std::string& unix_path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path[0], unix_path.data(), unix_path.size());
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Client::read_more() {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kPatience) != 1) return false;
  std::array<char, 65536> piece{};
  const ssize_t count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  read_.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::string Client::read_until(std::string_view end) {
  std::size_t found = read_.find(end);
  while (found == std::string::npos && read_more()) found = read_.find(end);
  const std::size_t size = found == std::string::npos ? read_.size() : found + end.size();
  std::string text = read_.substr(0, size);
  read_.erase(0, size);
  return text;
}

std::string Client::read_to_end() {
  while (read_more()) {
  }
  return std::exchange(read_, "");
}

std::string Client::read_answer() {
  std::string head = read_until("\r\n\r\n");
  const auto at = head.find("Content-Length: ");
  if (at == std::string::npos) return head;
  const std::size_t length = std::stoul(head.substr(at + 16));
  while (read_.size() < length && read_more()) {
  }
  head += read_.substr(0, length);
  read_.erase(0, length);
  return head;
}

void Client::end_writing() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void Client::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
}

bool Client::is_closed_by_server() {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  char byte = 0;
  return ::poll(&ready, 1, kPatience) == 1 && ::recv(socket_.get(), &byte, 1, MSG_PEEK) <= 0;
}

std::string get(std::string_view path, std::string_view headers) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view headers) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

std::string status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::string(answer.substr(9, 3)) : "";
}

bool becomes_true(const std::function<bool()>& question) {
  for (int tries = 0; tries < kPatience / 10; ++tries) {
    if (question()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace retort::http
