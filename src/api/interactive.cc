// Interactive: tasks for the socket's two directions and for each pipe, and what they hand over.
#include "api/interactive.h"

#include <unistd.h>

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "async/deadline.h"
#include "base/bytes.h"
#include "kernel/files.h"
#include "text/encodings.h"

namespace retort::api {

namespace asio = async::asio;
namespace json = text::json;
using async::Gate;
using async::Task;
using base::Duration;
using base::Status;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kChunk = std::size_t{64} << 10U;
// What waits for a client that does not read, and for a program that does not. A message goes whole
// on top.
constexpr std::size_t kMostOutput = std::size_t{256} << 10U;
constexpr std::size_t kMostInput = std::size_t{256} << 10U;
// Of stdin, for who does not send more: so much can be on its way at one time.
constexpr std::size_t kWindow = std::size_t{1} << 20U;
// A character that was begun is waited for; who writes bytes and waits for an answer gets one.
constexpr auto kCharacterTime = std::chrono::milliseconds(20);
constexpr auto kLookForPeer = std::chrono::milliseconds(500);
// After init, which may be as large as any body: stdin of 1 MiB in base64, and what names it.
constexpr auto kLargestMessage = base::ByteSize::of_bytes(2ULL << 20U);
constexpr std::size_t kSlowLine = std::size_t{16} << 10U;  // bytes a second

std::uint16_t close_code(const Problem& problem) {
  constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455, 7.4.1
  constexpr std::uint16_t kInternalError = 1011;
  constexpr std::uint16_t kTryAgainLater = 1013;  // IANA's registry of close codes
  if (problem.retry_after_s) return kTryAgainLater;
  return info_of(problem.code).status < 500 ? kPolicyViolation : kInternalError;
}

Task<> until_readable(asio::posix::stream_descriptor& pipe) {
  (void)co_await pipe.async_wait(asio::posix::descriptor_base::wait_read, kAwait);
}

}  // namespace

std::size_t unfinished_character(std::string_view bytes) {
  constexpr std::size_t kLongest = 4;
  for (std::size_t count = 1; count < kLongest && count <= bytes.size(); ++count) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - count]);
    if (byte >= 0x80 && byte < 0xc0) continue;  // goes on
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > count ? count : 0;
  }
  return 0;
}

Interactive::Interactive(async::Executor executor,
                         std::unique_ptr<http::AcceptedWebSocket> socket,
                         std::shared_ptr<Cancel> cancel)
    : executor_(std::move(executor)),
      socket_(std::move(socket)),
      cancel_(std::move(cancel)),
      tasks_(executor_),
      outputs_(executor_),
      changed_(executor_),
      to_write_(executor_),
      output_room_(executor_),
      written_(executor_),
      to_feed_(executor_),
      input_room_(executor_) {}

// A task owns the session that it is of, so that this outlives it.
void Interactive::start() {
  const auto run = [this](auto member) {
    auto pass = tasks_.enter();
    if (pass) async::spawn(executor_, (this->*member)(*std::move(pass), shared_from_this()));
  };
  run(&Interactive::read_messages);
  run(&Interactive::write_messages);
}

// ---- What begins and ends a session. ----

Task<> Interactive::until_changed() {
  while (!opening_ && !problem_ && !is_left_ && !cancel_->is_cancelled()) {
    changed_.reset();
    co_await changed_.wait();
  }
}

Task<std::optional<Interactive::Opening>> Interactive::next_opening(Duration patience) {
  cancel_->on_cancel([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->changed_.set();
  });
  bool is_over = false;
  while (!is_over) {
    auto change = until_changed();
    is_over = co_await async::within(patience, std::move(change)) || is_ready_ || is_left_ ||
              !socket_->is_message_begun();
  }
  cancel_->on_cancel(nullptr);
  if (problem_ || is_left_ || cancel_->is_cancelled()) co_return std::nullopt;
  if (opening_) co_return std::exchange(opening_, std::nullopt);
  Problem late{.code = ProblemCode::request_timeout,
               .detail = "no init came within " + base::to_text(patience)};
  fail(std::move(late));
  co_return std::nullopt;
}

void Interactive::fail(Problem problem) {
  if (problem_) return;
  problem_ = std::move(problem);
  cancel_->cancel();
  wake_all();
}

void Interactive::leave() {
  if (std::exchange(is_left_, true)) return;
  cancel_->cancel();
  wake_all();
}

void Interactive::wake_all() {
  for (async::Event* event : {&changed_, &to_write_, &output_room_, &to_feed_, &input_room_})
    event->set();
}

Status Interactive::attach(job::StageStreams& streams) {
  const auto join = [this](std::optional<Descriptor>& ours, base::Fd end) -> Status {
    RETORT_CHECK(kernel::set_nonblocking(end));
    ours.emplace(executor_, end.release());
    return {};
  };
  const auto self = shared_from_this();
  RETORT_TRY(kernel::Pipe input, kernel::make_pipe());
  RETORT_CHECK(join(stdin_, std::move(input.write_end)));
  program_stdin_ = std::move(input.read_end);
  streams.stdin_source = program_stdin_.get();
  streams.stdin_ended = [self] { self->end_input(); };
  streams.terminal = terminal_;
  const auto join_output = [&](Stream stream, int& sink, std::function<void()>& ended) -> Status {
    Output& of_program = output(stream);
    RETORT_TRY(kernel::Pipe pipe, kernel::make_pipe());
    RETORT_CHECK(join(of_program.pipe, std::move(pipe.read_end)));
    of_program.program = std::move(pipe.write_end);
    sink = of_program.program.get();
    ended = [self, stream] { self->output(stream).program.reset(); };
    return {};
  };
  if (!is_captured_)
    RETORT_CHECK(join_output(Stream::out, streams.stdout_sink, streams.stdout_ended));
  if (!is_captured_ && !terminal_)
    RETORT_CHECK(join_output(Stream::err, streams.stderr_sink, streams.stderr_ended));
  streams.started = [self] {
    const json::object message = {{"type", "started"}};
    self->send(message);
    self->send_window(kWindow);
  };
  // What comes from here on is bounded, and its place is wanted.
  streams.over = [self] { self->release_output(); };

  if (auto pass = tasks_.enter()) async::spawn(executor_, feed_input(*std::move(pass), self));
  for (const Stream stream : {Stream::out, Stream::err}) {
    if (!output(stream).pipe) continue;
    if (auto pass = outputs_.enter())
      async::spawn(executor_, take_output(stream, *std::move(pass), self));
  }
  return {};
}

void Interactive::release_output() {
  is_held_back_ = false;
  output_room_.set();
}

void Interactive::end_input() {
  program_stdin_.reset();
  is_input_refused_ = true;
  input_.clear();
  input_bytes_ = 0;
  to_feed_.set();
  input_room_.set();
}

Task<> Interactive::close(std::optional<std::string> result, Duration stall) {
  // Of a job that did not take place nobody else closes them.
  end_input();
  for (Output& of_program : outputs_of_program_) of_program.program.reset();
  release_output();
  co_await outputs_.close();
  is_closing_ = true;
  std::uint16_t code = 1000;
  std::string reason;
  if (problem_) {
    code = close_code(*problem_);
    reason =
        problem_->detail.empty() ? std::string(info_of(problem_->code).name) : problem_->detail;
    const json::object message = {{"type", "error"}, {"problem", to_json(*problem_)}};
    send(message);
  } else if (result) {
    std::string message = R"({"type":"result","result":)" + *result + "}";
    send(http::WebSocket::Message{.binary = false, .bytes = std::move(message)});
  }
  is_last_sent_ = true;
  wake_all();
  const Duration patience =
      stall + std::chrono::seconds(static_cast<std::int64_t>(outgoing_bytes_ / kSlowLine));
  auto all = written_.wait();
  const auto in_time = co_await async::within(patience, std::move(all));
  if (in_time && !is_left_) co_await socket_->close(code, std::move(reason));
  leave();
  socket_.reset();
  co_await tasks_.close();
}

// ---- To the client. ----

void Interactive::send(const json::object& message) {
  send(http::WebSocket::Message{.binary = false, .bytes = text::compact(message)});
}

void Interactive::send(http::WebSocket::Message message) {
  if (is_left_ || is_last_sent_) return;
  outgoing_bytes_ += message.bytes.size();
  outgoing_.push_back(std::move(message));
  to_write_.set();
}

void Interactive::send_queued(std::size_t ahead) {
  ahead_ = ahead;
  to_write_.set();
}

void Interactive::send_ready() {
  is_ready_ = true;
  const json::object message = {{"type", "ready"}};
  send(message);
}

void Interactive::send_output(Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  if (is_binary_) {
    const char number = stream == Stream::out ? 1 : 2;
    return send(http::WebSocket::Message{.binary = true, .bytes = number + std::string(bytes)});
  }
  json::object message = {{"type", stream == Stream::out ? "stdout" : "stderr"}};
  if (base::is_utf8(bytes)) {
    message["data"] = bytes;
  } else {
    message["data"] = text::base64(bytes);
    message["encoding"] = "base64";
  }
  send(message);
}

// Of stdin, to a client that wants to know.
void Interactive::send_window(std::size_t bytes) {
  if (!is_windowed_) return;
  const json::object message = {{"type", "window"}, {"stream", "stdin"}, {"bytes", bytes}};
  send(message);
}

Task<> Interactive::write_messages(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  while (!is_left_) {
    if (ahead_ && outgoing_.empty()) {
      const json::object message = {{"type", "queued"}, {"ahead", *ahead_}};
      ahead_.reset();
      send(message);
    }
    if (outgoing_.empty()) {
      if (is_last_sent_) break;
      to_write_.reset();
      co_await to_write_.wait();
      continue;
    }
    http::WebSocket::Message message = std::move(outgoing_.front());
    outgoing_.pop_front();
    const std::size_t size = message.bytes.size();
    const auto written = co_await socket_->write(message.binary, std::move(message.bytes));
    outgoing_bytes_ -= size;
    if (outgoing_bytes_ <= kMostOutput) output_room_.set();
    if (!written) leave();
  }
  written_.set();
}

bool Interactive::has_room(Stream stream) {
  if (!is_held_back_ || is_left_ || output(stream).is_refused) return true;
  return outgoing_bytes_ <= kMostOutput && (!is_windowed_ || output(stream).window > 0);
}

Task<> Interactive::wait_for_room_in_output(Stream stream) {
  while (!has_room(stream)) {
    output_room_.reset();
    co_await output_room_.wait();
  }
}

Task<> Interactive::take_output(Stream stream,
                                Gate::Pass /*pass*/,
                                std::shared_ptr<Interactive> /*self*/) {
  Output& of_program = output(stream);
  Descriptor& pipe = *of_program.pipe;
  std::string bytes;  // read and not yet sent: the beginning of a character
  while (!is_left_) {
    co_await wait_for_room_in_output(stream);
    auto ready = until_readable(pipe);
    if (bytes.empty()) {
      co_await std::move(ready);
    } else {
      const auto in_time = co_await async::within(kCharacterTime, std::move(ready));
      if (!in_time) {
        send_output(stream, bytes);
        bytes.clear();
        continue;
      }
    }
    if (of_program.is_refused) break;
    const bool is_bounded = is_windowed_ && is_held_back_;
    const auto most = is_bounded ? std::min<std::size_t>(kChunk, of_program.window) : kChunk;
    const std::size_t begun = bytes.size();
    bytes.resize(begun + most);
    const ssize_t count = ::read(pipe.native_handle(), bytes.data() + begun, most);
    const bool is_again = count < 0 && (errno == EAGAIN || errno == EINTR);
    bytes.resize(begun + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (is_again) continue;
    if (count <= 0) break;
    of_program.window -= std::min(of_program.window, static_cast<std::uint64_t>(count));
    const std::size_t whole = bytes.size() - (is_binary_ ? 0 : unfinished_character(bytes));
    send_output(stream, std::string_view(bytes).substr(0, whole));
    bytes.erase(0, whole);
  }
  if (!of_program.is_refused) send_output(stream, bytes);
  // Whoever writes on sees that nobody reads.
  pipe.close();
}

// ---- From the client. ----

Task<> Interactive::read_messages(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  // Also where something was thrown: a job whose client is not heard any more is to end.
  const std::unique_ptr<Interactive, void (*)(Interactive*)> leaving(
      this, [](Interactive* session) { session->leave(); });
  while (!is_left_) {
    {
      if (is_opened_) socket_->limit_messages(kLargestMessage);
      const auto message = co_await socket_->read();
      if (!message) break;
      // What still comes after the end is read, so that the client's close is.
      if (!problem_ && !is_closing_) {
        std::string wrong = take_message(*message);
        if (!wrong.empty())
          fail(Problem{.code = ProblemCode::invalid_request, .detail = std::move(wrong)});
      }
    }
    co_await wait_for_room_in_input();
  }
}

std::size_t Interactive::most_input() const {
  return is_windowed_ ? kWindow : kMostInput;
}

Task<> Interactive::wait_for_room_in_input() {
  while (input_bytes_ > most_input() && !is_left_ && !problem_ && !is_closing_) {
    input_room_.reset();
    auto room = input_room_.wait();
    (void)co_await async::within(kLookForPeer, std::move(room));
    if (socket_ && socket_->is_peer_gone()) leave();
  }
}

Task<> Interactive::feed_input(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  while (!is_left_ && !is_input_refused_) {
    if (input_.empty()) {
      if (is_input_ended_) break;
      to_feed_.reset();
      co_await to_feed_.wait();
      continue;
    }
    const std::string bytes = std::move(input_.front());
    input_.pop_front();
    const asio::const_buffer from(bytes.data(), bytes.size());
    const auto written = co_await asio::async_write(*stdin_, from, kAwait);
    if (std::get<0>(written)) is_input_refused_ = true;
    // It may have been dropped meanwhile.
    if (is_input_refused_) {
      input_.clear();
      input_bytes_ = 0;
    } else {
      input_bytes_ -= bytes.size();
      send_window(bytes.size());
    }
    if (input_bytes_ <= most_input()) input_room_.set();
  }
  stdin_->close();
}

}  // namespace retort::api
