// Tests of cors.h: pages that are listed read every answer, others none.
#include "api/cors.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace retort::api {
namespace {

using base::Status;

constexpr const char* kListed = "https://school.example";

Settings settings_with(std::vector<std::string> origins) {
  Settings settings;
  settings.server.allowed_origins = std::move(origins);
  return settings;
}

http::RequestHead request(std::string method, std::vector<http::Header> headers) {
  http::RequestHead head;
  head.method = std::move(method);
  head.headers = std::move(headers);
  return head;
}

// "Name: value" of each, in a line.
std::string text_of(const std::vector<http::Header>& headers) {
  std::string text;
  for (const http::Header& header : headers) text += header.name + ": " + header.value + "\n";
  return text;
}

TEST(Cors, AListedPageMayReadTheAnswerAndItsHeaders) {
  const Settings settings = settings_with({"https://other.example", kListed});
  EXPECT_EQ(text_of(cors_headers(settings, request("GET", {{"Origin", kListed}}))),
            "Vary: Origin\n"
            "Access-Control-Allow-Origin: https://school.example\n"
            "Access-Control-Expose-Headers: Allow, Location, Retry-After, WWW-Authenticate\n");
}

TEST(Cors, AnyPageIsNamedAndNotCoveredByAStar) {
  const Settings settings = settings_with({"*"});
  const auto headers = text_of(cors_headers(settings, request("GET", {{"Origin", kListed}})));
  EXPECT_TRUE(headers.contains("Access-Control-Allow-Origin: https://school.example\n"));
  EXPECT_FALSE(headers.contains("*"));
}

TEST(Cors, NobodyElseIsToldAnythingButThatCachesMustLookAtTheOrigin) {
  const Settings settings = settings_with({kListed});
  for (const char* const origin : {"http://school.example",
                                   "https://school.example.evil",
                                   "https://school.example:444",
                                   "null",
                                   ""}) {
    const http::RequestHead head = request("GET", {{"Origin", origin}});
    EXPECT_EQ(text_of(cors_headers(settings, head)), "Vary: Origin\n") << origin;
  }
  EXPECT_EQ(text_of(cors_headers(settings, request("GET", {}))), "Vary: Origin\n");
}

TEST(Cors, WithoutAListThereIsNothing) {
  EXPECT_TRUE(cors_headers(Settings(), request("GET", {{"Origin", kListed}})).empty());
}

TEST(Cors, APreflightIsAnOptionsOfAListedPageThatNamesAMethod) {
  const Settings settings = settings_with({kListed});
  const http::Header origin = {"Origin", kListed};
  const http::Header method = {"Access-Control-Request-Method", "DELETE"};
  EXPECT_TRUE(is_preflight(settings, request("OPTIONS", {origin, method})));
  EXPECT_FALSE(is_preflight(settings, request("GET", {origin, method})));
  EXPECT_FALSE(is_preflight(settings, request("OPTIONS", {origin})));
  EXPECT_FALSE(is_preflight(settings, request("OPTIONS", {method})));
  EXPECT_FALSE(is_preflight(settings, request("OPTIONS", {{"Origin", "https://evil"}, method})));
  EXPECT_FALSE(is_preflight(Settings(), request("OPTIONS", {origin, method})));
}

TEST(Cors, APreflightIsAnsweredWithoutABodyAndAllowsNoCredentials) {
  const http::Response response = preflight_answer("GET, DELETE");
  EXPECT_EQ(response.status, 204U);
  EXPECT_EQ(response.content_type + response.body, "");
  EXPECT_EQ(text_of(response.headers),
            "Access-Control-Allow-Methods: GET, DELETE\n"
            "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, "
            "Last-Event-ID\n"
            "Access-Control-Max-Age: 3600\n");
}

// Keeps the headers of what is answered.
class Answers final : public http::Exchange {
 public:
  [[nodiscard]] const http::RequestHead& head() const override { return head_; }
  async::Task<base::Result<std::string>> read_all(base::ByteSize /*limit*/) override {
    co_return "body";
  }
  async::Task<base::Result<std::size_t>> read_some(std::span<char> /*into*/) override {
    co_return 4U;
  }
  void on_gone(std::function<void()> callback) override { callback(); }
  async::Task<Status> respond(http::Response response) override {
    said += text_of(response.headers);
    co_return Status();
  }
  async::Task<Status> begin(unsigned /*status*/, std::vector<http::Header> headers) override {
    said += text_of(headers);
    co_return Status();
  }
  async::Task<Status> write(std::string bytes) override {
    said += bytes;
    co_return Status();
  }
  async::Task<Status> end() override {
    said += "end";
    co_return Status();
  }
  async::Task<base::Result<std::unique_ptr<http::AcceptedWebSocket>>> accept_websocket(
      http::WebSocketLimits /*limits*/, std::string subprotocol) override {
    said += subprotocol;
    co_return std::unique_ptr<http::AcceptedWebSocket>();
  }

  std::string said;

 private:
  http::RequestHead head_;
};

async::Task<> answer_in_each_way(http::Exchange& exchange) {
  http::Response response;
  response.headers = {{"Location", "/a"}};
  EXPECT_TRUE(co_await exchange.respond(std::move(response)));
  std::vector<http::Header> headers = {{"Cache-Control", "no-store"}};
  EXPECT_TRUE(co_await exchange.begin(200, std::move(headers)));
  EXPECT_TRUE(co_await exchange.write("bytes\n"));
  EXPECT_TRUE(co_await exchange.end());
}

TEST(CorsExchange, AddsItsHeadersToWholeAnswersAndToStreams) {
  async::asio::io_context context(1);
  Answers answers;
  CorsExchange exchange(answers, {{"Vary", "Origin"}});
  async::spawn(context.get_executor(), answer_in_each_way(exchange));
  context.run();
  EXPECT_EQ(answers.said,
            "Location: /a\nVary: Origin\nCache-Control: no-store\nVary: Origin\nbytes\nend");
}

}  // namespace
}  // namespace retort::api
