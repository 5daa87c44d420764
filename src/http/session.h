// Session: one connection: reads requests, has each handled, and sees that each is answered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "http/exchange.h"
#include "http/request_parser.h"
#include "http/server.h"
#include "http/wire.h"

namespace retort::http {

// What the sessions of a server share.
struct Shared {
  Options options;
  Handler handler;
  Statistics statistics;
  bool is_draining = false;

  // The Date header's value (RFC 9110, 5.6.7), made once a second.
  std::string_view date();

 private:
  std::int64_t date_second_ = -1;
  std::string date_;
};

class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Shared> shared, std::shared_ptr<Wire> wire, std::string peer);

  // Until the connection has ended.
  Task<> run();
  // No request after the one that is being handled; at once, when there is none.
  void drain();
  // Ends the connection, and tells the handler so.
  void cut();

  [[nodiscard]] const RequestHead& head() const override { return parser_.head(); }
  Task<base::Result<std::string>> read_all(base::ByteSize limit) override;
  Task<base::Result<std::size_t>> read_some(std::span<char> into) override;
  void on_gone(std::function<void()> callback) override;
  Task<base::Status> respond(Response response) override;
  Task<base::Status> begin(unsigned status, std::vector<Header> headers) override;
  Task<base::Status> write(std::string bytes) override;
  Task<base::Status> end() override;
  Task<base::Result<std::unique_ptr<AcceptedWebSocket>>> accept_websocket(
      WebSocketLimits limits, std::string subprotocol) override;

 private:
  enum class Answer { none, chunked, counted, until_close, whole, websocket };
  enum class Next { request, end };

  // Reads and checks the next head; answers one that is refused.
  Task<Next> receive();
  Task<> refuse(Refusal refusal);
  Task<> handle();
  enum class Handled { returned, threw, without_memory };
  Task<Handled> call_handler();
  // Drops what the client still sends, so that it can read the answer.
  Task<> linger();

  Task<base::Result<std::size_t>> read_length(std::span<char> into);
  Task<base::Result<std::size_t>> read_chunks(std::span<char> into);
  Task<base::Status> fill_for_body();
  Task<base::Status> send_continue();
  base::Error body_error(base::Error error, Refusal refusal);
  void body_is_whole();
  void skip_buffered_body();
  void decide_whether_to_keep();
  [[nodiscard]] base::Status compose_head(unsigned status,
                                          std::string_view content_type,
                                          const std::vector<Header>& headers,
                                          std::optional<std::uint64_t> length);

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Wire> wire_;
  std::string peer_;
  RequestParser parser_;
  std::uint64_t requests_ = 0;
  bool is_idle_ = false;  // waits for a request, of which nothing has come
  bool keep_ = false;

  // Of the request that is handled:
  bool is_body_whole_ = true;
  bool continue_sent_ = false;
  std::uint64_t body_left_ = 0;
  Pace body_pace_;
  std::optional<Refusal> body_refusal_;
  std::function<void()> gone_;  // not yet watched for

  // Of its answer:
  Answer answer_ = Answer::none;
  bool is_ended_ = false;
  std::uint64_t answer_left_ = 0;
  Pace write_pace_;
  std::string text_;
  std::function<void()> cut_websocket_;
};

}  // namespace retort::http
