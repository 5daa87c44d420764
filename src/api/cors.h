// Cors: what lets web pages of other sites read our answers, by the CORS protocol of the Fetch
// standard: pages of `server.allowed_origins`, and no others.
//
// A page shows a key by the header Authorization, which its script has been given. Credentials that
// a browser would add by itself, such as cookies, mean nothing here and are never allowed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "http/exchange.h"

namespace retort::api {

// What every answer to this request says of who may read it.
std::vector<http::Header> cors_headers(const Settings& settings, const http::RequestHead& head);

// Is it the question of a browser on behalf of a listed page, which precedes its real request?
// A key is not shown with it.
bool is_preflight(const Settings& settings, const http::RequestHead& head);
// To a path that has these methods: "GET, DELETE".
http::Response preflight_answer(std::string_view methods);

// An exchange whose answers have further headers, in whichever way they are sent.
class CorsExchange final : public http::Exchange {
 public:
  // `exchange` outlives it.
  CorsExchange(http::Exchange& exchange, std::vector<http::Header> headers)
      : exchange_(exchange), headers_(std::move(headers)) {}

  [[nodiscard]] const http::RequestHead& head() const override { return exchange_.head(); }
  async::Task<base::Result<std::string>> read_all(base::ByteSize limit) override {
    return exchange_.read_all(limit);
  }
  async::Task<base::Result<std::size_t>> read_some(std::span<char> into) override {
    return exchange_.read_some(into);
  }
  void on_gone(std::function<void()> callback) override { exchange_.on_gone(std::move(callback)); }
  async::Task<base::Status> respond(http::Response response) override;
  async::Task<base::Status> begin(unsigned status, std::vector<http::Header> headers) override;
  async::Task<base::Status> write(std::string bytes) override {
    return exchange_.write(std::move(bytes));
  }
  async::Task<base::Status> end() override { return exchange_.end(); }
  // Browsers hold answers to a handshake to no rule: that its page may call was checked before.
  async::Task<base::Result<std::unique_ptr<http::AcceptedWebSocket>>> accept_websocket(
      http::WebSocketLimits limits, std::string subprotocol) override {
    return exchange_.accept_websocket(std::move(limits), std::move(subprotocol));
  }

 private:
  void add_to(std::vector<http::Header>& headers) const;

  http::Exchange& exchange_;
  std::vector<http::Header> headers_;
};

}  // namespace retort::api
