// Interactive: tasks for the socket's two directions and for each pipe, and what they hand over.
#include "api/interactive.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "api/object_reader.h"
#include "async/deadline.h"
#include "base/bytes.h"
#include "cell/signals.h"
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
constexpr std::size_t kLargestInput = std::size_t{1} << 20U;
// A character that was begun is waited for; who writes bytes and waits for an answer gets one.
constexpr auto kCharacterTime = std::chrono::milliseconds(20);
constexpr auto kLookForPeer = std::chrono::milliseconds(500);
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

int signal_number(std::string_view name) {
  for (const int number : cell::kSendableSignals) {
    if (name == std::string("SIG") + ::sigabbrev_np(number)) return number;
  }
  return 0;
}

// The first of them; empty: there is none.
std::string first_of(const Faults& faults) {
  if (faults.empty()) return {};
  const FieldFault& fault = faults.list().front();
  return fault.pointer.empty() ? fault.detail : fault.pointer + ": " + fault.detail;
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
                         std::unique_ptr<http::WebSocket> socket,
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
  auto change = until_changed();
  (void)co_await async::within(patience, std::move(change));
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
  RETORT_TRY(kernel::Pipe output, kernel::make_pipe());
  RETORT_CHECK(join(stdout_, std::move(output.read_end)));
  program_stdout_ = std::move(output.write_end);
  streams.stdout_sink = program_stdout_.get();
  streams.stdout_ended = [self] { self->program_stdout_.reset(); };
  streams.terminal = terminal_;
  if (!terminal_) {
    RETORT_TRY(kernel::Pipe errors, kernel::make_pipe());
    RETORT_CHECK(join(stderr_, std::move(errors.read_end)));
    program_stderr_ = std::move(errors.write_end);
    streams.stderr_sink = program_stderr_.get();
    streams.stderr_ended = [self] { self->program_stderr_.reset(); };
  }
  streams.started = [self] {
    const json::object message = {{"type", "started"}};
    self->send(message);
  };
  // What comes from here on is bounded, and its place is wanted.
  streams.over = [self] { self->release_output(); };

  if (auto pass = tasks_.enter()) async::spawn(executor_, feed_input(*std::move(pass), self));
  for (const Stream stream : {Stream::out, Stream::err}) {
    if (stream == Stream::err && terminal_) continue;
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
  to_feed_.set();
  input_room_.set();
}

Task<> Interactive::close(std::optional<json::object> result, Duration stall) {
  // Of a job that did not take place nobody else closes them.
  end_input();
  program_stdout_.reset();
  program_stderr_.reset();
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
    const json::object message = {{"type", "result"}, {"result", *std::move(result)}};
    send(message);
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
  if (is_left_ || is_last_sent_) return;
  outgoing_.push_back(text::compact(message));
  outgoing_bytes_ += outgoing_.back().size();
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
  json::object message = {{"type", stream == Stream::out ? "stdout" : "stderr"}};
  if (base::is_utf8(bytes)) {
    message["data"] = bytes;
  } else {
    message["data"] = text::base64(bytes);
    message["encoding"] = "base64";
  }
  send(message);
}

Task<> Interactive::write_messages(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  while (!is_left_) {
    std::string text;
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
    text = std::move(outgoing_.front());
    outgoing_.pop_front();
    const std::size_t size = text.size();
    const auto written = co_await socket_->write(false, std::move(text));
    outgoing_bytes_ -= size;
    if (outgoing_bytes_ <= kMostOutput) output_room_.set();
    if (!written) leave();
  }
  written_.set();
}

Task<> Interactive::wait_for_room_in_output() {
  while (is_held_back_ && !is_left_ && outgoing_bytes_ > kMostOutput) {
    output_room_.reset();
    co_await output_room_.wait();
  }
}

Task<> Interactive::take_output(Stream stream,
                                Gate::Pass /*pass*/,
                                std::shared_ptr<Interactive> /*self*/) {
  Descriptor& pipe = stream == Stream::out ? *stdout_ : *stderr_;
  std::string bytes;  // read and not yet sent: the beginning of a character
  while (!is_left_) {
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
    const std::size_t begun = bytes.size();
    bytes.resize(begun + kChunk);
    const ssize_t count = ::read(pipe.native_handle(), bytes.data() + begun, kChunk);
    const bool is_again = count < 0 && (errno == EAGAIN || errno == EINTR);
    bytes.resize(begun + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (is_again) continue;
    if (count <= 0) break;
    const std::size_t whole = bytes.size() - unfinished_character(bytes);
    send_output(stream, std::string_view(bytes).substr(0, whole));
    bytes.erase(0, whole);
    co_await wait_for_room_in_output();
  }
  send_output(stream, bytes);
  // Whoever writes on sees that nobody reads.
  pipe.close();
}

// ---- From the client. ----

Task<> Interactive::read_messages(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  while (!is_left_) {
    {
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
  leave();
}

Task<> Interactive::wait_for_room_in_input() {
  while (input_.size() > kMostInput && !is_left_ && !problem_ && !is_closing_) {
    input_room_.reset();
    auto room = input_room_.wait();
    (void)co_await async::within(kLookForPeer, std::move(room));
    if (socket_ && socket_->is_peer_gone()) leave();
  }
}

Task<> Interactive::feed_input(Gate::Pass /*pass*/, std::shared_ptr<Interactive> /*self*/) {
  std::string bytes;
  while (!is_left_ && !is_input_refused_) {
    if (input_.empty()) {
      if (is_input_ended_) break;
      to_feed_.reset();
      co_await to_feed_.wait();
      continue;
    }
    bytes = input_.substr(0, kChunk);
    const asio::const_buffer from(bytes.data(), bytes.size());
    const auto written = co_await asio::async_write(*stdin_, from, kAwait);
    if (std::get<0>(written)) is_input_refused_ = true;
    // It may have been dropped meanwhile.
    input_.erase(0, bytes.size());
    if (is_input_refused_) input_.clear();
    if (input_.size() <= kMostInput) input_room_.set();
  }
  stdin_->close();
}

std::string Interactive::take_message(const http::WebSocket::Message& message) {
  if (message.binary) return "messages are text: JSON";
  auto parsed = text::parse_json(message.bytes);
  if (!parsed) return std::move(parsed).error().what;
  if (!parsed->is_object()) return "a message is an object";
  json::object& object = parsed->get_object();
  const json::value* const found = object.if_contains("type");
  if (found == nullptr || !found->is_string()) return "/type: must be there, and text";
  const std::string type(std::string_view(found->get_string()));
  if (type == "announce") return take_opening(std::move(object), true);
  if (type == "init") return take_opening(std::move(object), false);
  using Take = std::string (Interactive::*)(const json::object&);
  constexpr std::array<std::pair<std::string_view, Take>, 4> kTakes = {
      {{"stdin", &Interactive::take_input},
       {"eof", &Interactive::take_end},
       {"signal", &Interactive::take_signal},
       {"resize", &Interactive::take_size}}};
  for (const auto& [name, take] : kTakes) {
    if (name != type) continue;
    if (!is_opened_) return "init comes first";
    return (this->*take)(object);
  }
  return "/type: there is no message " + shown(type);
}

std::string Interactive::take_opening(json::object message, bool is_announcement) {
  if (is_opened_) return "init comes once";
  if (is_announced_ && (is_announcement || !is_ready_))
    return "what follows announce is init, when the server is ready";
  constexpr std::array<std::string_view, 5> kOfAnnounce = {
      "type", "runtime", "version", "limits", "priority"};
  constexpr std::array<std::string_view, 3> kOfInit = {"type", "job", "terminal"};
  Faults faults;
  const Path path;
  if (is_announcement) {
    const ObjectReader reader(message, path, faults, kOfAnnounce);
    is_announced_ = true;
  } else {
    const ObjectReader reader(message, path, faults, kOfInit);
    (void)reader.need("job");
    if (const json::object* const size = reader.object("terminal"))
      terminal_ = read_size(*size, path.at("terminal"), faults);
    is_opened_ = true;
  }
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  opening_ = Opening{.is_announcement = is_announcement, .message = std::move(message)};
  changed_.set();
  return {};
}

std::optional<kernel::TerminalSize> Interactive::read_size(const json::object& object,
                                                           const Path& path,
                                                           Faults& faults) {
  constexpr std::array<std::string_view, 3> kFields = {"rows", "columns", "type"};
  const std::span<const std::string_view> all(kFields);
  const bool is_message = path.pointer().empty();
  const ObjectReader reader(object, path, faults, is_message ? all : all.first(2));
  if (reader.need("rows") == nullptr || reader.need("columns") == nullptr) return std::nullopt;
  const auto rows = reader.whole("rows", 1, kernel::TerminalSize::kMost);
  const auto columns = reader.whole("columns", 1, kernel::TerminalSize::kMost);
  if (!rows || !columns) return std::nullopt;
  return kernel::TerminalSize{.rows = static_cast<std::uint16_t>(*rows),
                              .columns = static_cast<std::uint16_t>(*columns)};
}

std::string Interactive::take_input(const json::object& message) {
  constexpr std::array<std::string_view, 3> kFields = {"type", "data", "encoding"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto data = reader.need_text("data");
  const auto encoding = reader.text("encoding").value_or("utf8");
  if (encoding != "utf8" && encoding != "base64") return "/encoding: must be utf8 or base64";
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  if (data->size() > kLargestInput) return "/data: at most 1 MiB goes into one message";
  if (is_input_ended_) return "stdin has ended";
  if (is_input_refused_) return {};
  if (encoding == "base64") {
    const auto bytes = text::parse_base64(*data);
    if (!bytes) return "/data: " + bytes.error().what;
    input_ += *bytes;
  } else {
    input_ += *data;
  }
  to_feed_.set();
  return {};
}

std::string Interactive::take_end(const json::object& message) {
  constexpr std::array<std::string_view, 1> kFields = {"type"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  is_input_ended_ = true;
  to_feed_.set();
  return first_of(faults);
}

std::string Interactive::take_signal(const json::object& message) {
  constexpr std::array<std::string_view, 2> kFields = {"type", "name"};
  Faults faults;
  const Path path;
  const ObjectReader reader(message, path, faults, kFields);
  const auto name = reader.need_text("name");
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  const int number = signal_number(*name);
  if (number == 0) return "/name: " + shown(*name) + " is no signal that may be sent";
  const auto job = job_.lock();
  if (!job) return {};
  const Status sent = job->signal(number);
  return sent ? std::string() : sent.error().what;
}

std::string Interactive::take_size(const json::object& message) {
  Faults faults;
  const auto size = read_size(message, Path(), faults);
  if (std::string wrong = first_of(faults); !wrong.empty()) return wrong;
  if (!terminal_) return "there is no terminal";
  terminal_ = size;
  const auto job = job_.lock();
  if (!job) return {};
  const Status resized = job->resize(*size);
  return resized ? std::string() : resized.error().what;
}

}  // namespace retort::api
