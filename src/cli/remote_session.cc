// Remote session: what comes over a WebSocket and what goes, each within what the other side takes.
#include "cli/remote_session.h"

#include <unistd.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "async/deadline.h"
#include "async/event.h"
#include "async/gate.h"
#include "async/loop_bridge.h"
#include "cli/outcome.h"
#include "cli/remote_result.h"
#include "cli/remote_streams.h"
#include "kernel/event_loop.h"

namespace retort::cli {

namespace json = text::json;
using async::Gate;
using async::Task;
using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

// What waits here for a sink that is slow; a program that writes more waits in its write.
constexpr std::uint64_t kWindow = std::uint64_t{1} << 20U;
// What binary messages begin with.
constexpr char kStdin = 0;
constexpr char kStdout = 1;
constexpr char kStderr = 2;
// A server that lives answers a cancel at once.
constexpr auto kPatience = std::chrono::seconds(3);
constexpr auto kFarewell = std::chrono::seconds(1);

// An object's member, or what is wrong with the message.
Result<const json::value*> member(const json::object& message, const char* name) {
  const json::value* const found = message.if_contains(name);
  if (found != nullptr) return found;
  return Error{Fault::internal, std::string("the server sent a message without ") + name, 0};
}

class Session {
 public:
  Session(async::asio::io_context& context,
          kernel::EventLoop& loop,
          HttpClient& client,
          RemoteJob job)
      : context_(context),
        client_(client),
        job_(std::move(job)),
        tasks_(context.get_executor()),
        to_write_(context.get_executor()),
        changed_(context.get_executor()),
        input_(loop, job_.stdin_source, [this](const std::string& bytes) { send_input(bytes); }),
        stdout_(loop, STDOUT_FILENO, listener("stdout")),
        stderr_(loop, STDERR_FILENO, listener("stderr")) {}

  void start(std::unique_ptr<http::Transport> transport) {
    async::spawn(context_.get_executor(), run(std::move(transport)));
  }

  // Also when there is a result already, which somebody does not read.
  void cancel() {
    is_cancelled_ = true;
    for (RemoteOutput* output : {&stdout_, &stderr_}) output->abandon();
    input_.stop();
    changed_.set();
    if (!is_begun_) return give_up();
    if (std::exchange(is_cancel_sent_, true)) return;
    // Ahead of input that the server has not taken.
    const json::object message = {{"type", "cancel"}};
    outgoing_.push_front({.binary = false, .bytes = text::compact(message)});
    to_write_.set();
    if (auto pass = tasks_.enter())
      async::spawn(context_.get_executor(), give_up_later(*std::move(pass)));
  }

  void fail(Error error) {
    if (!failure_ && !is_given_up_) failure_ = std::move(error);
    give_up();
  }

  Result<RemoteEnd> end() {
    if (record_) {
      return RemoteEnd{.record = *std::move(record_),
                       .has_told_diagnostics = has_told_diagnostics_,
                       .stdout_error = stdout_.error(),
                       .stderr_error = stderr_.error()};
    }
    if (failure_) return *failure_;
    return Error{Fault::gone, "interrupted", 0};
  }

 private:
  RemoteOutput::Listener listener(const char* stream) {
    return {
        .taken =
            [this, stream](std::size_t bytes) {
              send(json::object{{"type", "window"}, {"stream", stream}, {"bytes", bytes}});
            },
        .refused = [this, stream] { send(json::object{{"type", "close"}, {"stream", stream}}); },
        .ended =
            [this] {
              --outputs_;
              changed_.set();
            }};
  }

  Task<> run(std::unique_ptr<http::Transport> transport) {
    co_await talk(std::move(transport));
    input_.stop();
    is_over_ = true;
    for (RemoteOutput* output : {&stdout_, &stderr_}) output->finish();
    if (record_ && socket_) {
      auto farewell = socket_->close(1000, "");
      (void)co_await async::within(kFarewell, std::move(farewell));
    }
    socket_.reset();
    to_write_.set();
    patience_.set();
    while (outputs_ > 0 && !is_cancelled_) {
      changed_.reset();
      co_await changed_.wait();
    }
    co_await tasks_.close();
    context_.stop();
  }

  Task<> talk(std::unique_ptr<http::Transport> transport) {
    const ServerAddress& server = client_.server();
    http::WebSocketRequest request{
        .host = server.host, .target = server.path + "/v1/interactive", .headers = {}};
    request.headers.push_back({"User-Agent", "retort/" RETORT_VERSION});
    if (const std::string key = client_.authorization(); !key.empty())
      request.headers.push_back({"Authorization", key});
    http::WebSocketLimits limits;
    limits.largest_message = base::ByteSize::of_bytes(kLargestAnswer);
    auto answer =
        co_await http::connect_websocket(std::move(transport), std::move(request), limits);
    is_answered_ = true;
    if (!answer) co_return fail(answer.error().within(server.text));
    if (answer->refusal) co_return fail(refusal_error(*answer->refusal, server.text));
    if (is_given_up_) co_return;
    socket_ = std::move(answer->socket);
    if (const auto begun = begin(); !begun) co_return fail(begun.error());
    while (!record_ && !is_given_up_) {
      const auto message = co_await socket_->read();
      if (!message) co_return fail(lost(message.error()));
      const Status taken = message->binary ? take_bytes(message->bytes) : take(message->bytes);
      if (!taken) co_return fail(taken.error());
    }
  }

  [[nodiscard]] Error lost(const Error& error) const {
    if (error.fault != Fault::exhausted) return error.within(client_.server().text);
    return Error{Fault::invalid,
                 "body_too_large: the files are more than " + client_.server().text +
                     " takes of one job (http.largest_body)",
                 0};
  }

  std::string make_init() {
    json::object message = {{"type", "init"}, {"job", std::move(job_.request)}};
    message["binary"] = true;
    message["windows"] = json::object{{"stdout", kWindow}, {"stderr", kWindow}};
    if (job_.is_captured) message["capture"] = true;
    return text::compact(message);
  }

  Status begin() {
    if (!job_.is_captured) {
      for (RemoteOutput* output : {&stdout_, &stderr_}) {
        RETORT_CHECK(output->start());
        ++outputs_;
      }
    }
    send(http::WebSocket::Message{.binary = false, .bytes = make_init()});
    if (auto pass = tasks_.enter())
      async::spawn(context_.get_executor(), write_messages(*std::move(pass)));
    return {};
  }

  // Unknown types are passed over: a newer server may have more of them.
  Status take(std::string_view bytes) {
    RETORT_TRY(json::value parsed, text::parse_json(bytes));
    json::object* const message = parsed.if_object();
    if (message == nullptr) return Error{Fault::internal, "the server sent no message", 0};
    RETORT_TRY(const json::value* const named, member(*message, "type"));
    const json::string* const name = named->if_string();
    const std::string_view type = name == nullptr ? std::string_view() : std::string_view(*name);
    if (type == "window") return take_window(*message);
    if (type == "stage") return take_stage(*message);
    if (type == "result") {
      json::value* const result = message->if_contains("result");
      json::object* const record = result == nullptr ? nullptr : result->if_object();
      if (record == nullptr) return Error{Fault::internal, "the server sent no result", 0};
      record_ = std::move(*record);
    }
    if (type == "error") {
      RETORT_TRY(const json::value* const problem, member(*message, "problem"));
      const json::object* const object = problem->if_object();
      return to_error(object == nullptr ? json::object() : *object);
    }
    return {};
  }

  // The first byte is the number of the stream.
  Status take_bytes(std::string_view message) {
    if (message.starts_with(kStdout)) stdout_.add(message.substr(1));
    if (message.starts_with(kStderr)) stderr_.add(message.substr(1));
    return {};
  }

  Status take_window(const json::object& message) {
    RETORT_TRY(const json::value* const bytes, member(message, "bytes"));
    if (is_cancelled_ || !bytes->is_int64() || bytes->get_int64() < 0) return {};
    return input_.grant(static_cast<std::uint64_t>(bytes->get_int64()));
  }

  Status take_stage(const json::object& message) {
    RETORT_TRY(const json::value* const record, member(message, "stage"));
    RETORT_TRY(const job::StageResult stage, read_stage(*record));
    if (job_.is_captured || stage.verdict.outcome != cell::Outcome::ok) return {};
    stderr_.add(stage.stderr_text.bytes);
    has_told_diagnostics_ = true;
    return {};
  }

  void send(const json::object& message) {
    send(http::WebSocket::Message{.binary = false, .bytes = text::compact(message)});
  }

  void send(http::WebSocket::Message message) {
    if (is_over_) return;
    outgoing_.push_back(std::move(message));
    to_write_.set();
  }

  void send_input(const std::string& bytes) {
    if (bytes.empty()) return send(json::object{{"type", "eof"}});
    send(http::WebSocket::Message{.binary = true, .bytes = kStdin + bytes});
  }

  // Whoever reads tells when the connection is lost.
  Task<> write_messages(Gate::Pass /*pass*/) {
    while (!is_over_ && socket_) {
      if (outgoing_.empty()) {
        to_write_.reset();
        co_await to_write_.wait();
        continue;
      }
      http::WebSocket::Message message = std::move(outgoing_.front());
      outgoing_.pop_front();
      const auto written = co_await socket_->write(message.binary, std::move(message.bytes));
      if (!written) break;
      is_begun_ = true;
    }
  }

  Task<> give_up_later(Gate::Pass /*pass*/) {
    auto over = patience_.wait();
    (void)co_await async::within(kPatience, std::move(over));
    if (!is_over_) give_up();
  }

  // The connection is what the job lives by.
  void give_up() {
    is_given_up_ = true;
    if (socket_) return socket_.reset();
    if (!is_answered_) context_.stop();  // the handshake is left where it stands
  }

  async::asio::io_context& context_;
  HttpClient& client_;
  RemoteJob job_;
  Gate tasks_;
  async::Event to_write_;
  async::Event changed_;
  async::Event patience_{context_.get_executor()};  // need not be had any longer
  std::unique_ptr<http::WebSocket> socket_;
  std::deque<http::WebSocket::Message> outgoing_;
  RemoteInput input_;
  RemoteOutput stdout_;
  RemoteOutput stderr_;
  int outputs_ = 0;  // that have not ended
  bool is_answered_ = false;
  bool is_begun_ = false;  // the server has the job
  bool is_over_ = false;
  bool is_cancelled_ = false;
  bool is_cancel_sent_ = false;
  bool is_given_up_ = false;
  bool has_told_diagnostics_ = false;
  std::optional<json::object> record_;
  std::optional<Error> failure_;
};

}  // namespace

Result<RemoteEnd> run_session(HttpClient& client, RemoteJob job, const Fd& signals, int& caught) {
  RETORT_TRY(auto transport, client.connect());
  RETORT_TRY(const auto loop, kernel::EventLoop::create());
  async::asio::io_context context{1};
  Session session(context, *loop, client, std::move(job));
  RETORT_TRY(const auto bridge, async::LoopBridge::create(context, *loop, [&](const Error& error) {
               session.fail(error);
             }));
  RETORT_CHECK(loop->watch(signals.get(), EPOLLIN, [&](auto) {
    const int number = take_signal(signals);
    if (number == 0) return;
    caught = number;
    session.cancel();
  }));
  session.start(std::move(transport));
  (void)context.run();
  loop->forget(signals.get());
  return session.end();
}

}  // namespace retort::cli
