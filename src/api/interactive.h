// Interactive: one WebSocket whose messages are a job's streams: /v1/interactive.
//
// What a client sends is taken in order; what it does not read is not kept: a program that writes
// on waits, and so does a client that sends more input than the program reads. All of one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "api/cancel.h"
#include "api/faults.h"
#include "api/problem.h"
#include "async/event.h"
#include "async/gate.h"
#include "async/task.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "http/websocket.h"
#include "job/job.h"
#include "kernel/terminal.h"
#include "text/json.h"

namespace retort::api {

// How many bytes at the end of `bytes` are a character of UTF-8 that has only begun: 0 to 3.
std::size_t unfinished_character(std::string_view bytes);

class Interactive : public std::enable_shared_from_this<Interactive> {
 public:
  // `cancel` ends the job: when the client leaves, or breaks the protocol.
  Interactive(async::Executor executor,
              std::unique_ptr<http::AcceptedWebSocket> socket,
              std::shared_ptr<Cancel> cancel);
  Interactive(const Interactive&) = delete;
  Interactive& operator=(const Interactive&) = delete;

  // Reads and writes from here on.
  void start();

  // What a client begins with: a job, or what it will be.
  struct Opening {
    bool is_announcement = false;
    text::json::object message;
  };
  // The next one; nothing when the session failed, was left, or none came in time (then it failed).
  // One that has begun in time may be as slow as any message, unless a place is held for it.
  async::Task<std::optional<Opening>> next_opening(base::Duration patience);

  void send_queued(std::size_t ahead);
  void send_ready();
  void send(const text::json::object& message);
  // The job's streams are this session's from here on, and its terminal, if it asked for one.
  base::Status attach(job::StageStreams& streams);
  void job_is(const std::shared_ptr<job::Job>& job) { job_ = job; }

  // Ends it as a fault of the client's, or a refusal: the job is cancelled, and `close` tells it.
  void fail(Problem problem);
  [[nodiscard]] bool has_failed() const { return problem_.has_value(); }
  [[nodiscard]] const std::shared_ptr<Cancel>& cancel() const { return cancel_; }
  // The client is no longer there.
  [[nodiscard]] bool is_left() const { return is_left_; }

  // Sends what the program wrote, then `result`, which is JSON (or why there is none), closes the
  // connection, and returns when nothing of the session is under way any more. Whoever does not
  // read is not waited for longer than `stall` and what a slow line takes.
  async::Task<> close(std::optional<std::string> result, base::Duration stall);

 private:
  enum class Stream : std::uint8_t { out, err };
  using Descriptor = async::asio::posix::stream_descriptor;
  using Self = std::shared_ptr<Interactive>;
  struct Output {
    std::optional<Descriptor> pipe = {};
    base::Fd program = {};
    std::uint64_t window = 0;  // what the client still takes of it
    bool is_refused = false;   // it reads no more
  };

  async::Task<> read_messages(async::Gate::Pass pass, Self self);
  async::Task<> write_messages(async::Gate::Pass pass, Self self);
  async::Task<> feed_input(async::Gate::Pass pass, Self self);
  async::Task<> take_output(Stream stream, async::Gate::Pass pass, Self self);
  [[nodiscard]] std::size_t most_input() const;
  async::Task<> wait_for_room_in_input();
  async::Task<> wait_for_room_in_output(Stream stream);
  async::Task<> until_changed();

  // Each returns what is wrong with the message; empty: nothing.
  std::string take_message(const http::WebSocket::Message& message);
  std::string take_opening(text::json::object message, bool is_announcement);
  std::string take_input(const text::json::object& message);
  std::string take_bytes(std::string_view message);
  std::string add_input(std::string_view bytes);
  std::string take_end(const text::json::object& message);
  std::string take_signal(const text::json::object& message);
  std::string take_size(const text::json::object& message);
  std::string take_window(const text::json::object& message);
  std::string take_close(const text::json::object& message);
  std::string take_cancel(const text::json::object& message);
  static std::optional<kernel::TerminalSize> read_size(const text::json::object& object,
                                                       const Path& path,
                                                       Faults& faults);

  void read_windows(const text::json::object& object, const Path& path, Faults& faults);

  static std::optional<Stream> find_output(std::string_view name);
  [[nodiscard]] Output& output(Stream stream) {
    return outputs_of_program_.at(static_cast<unsigned>(stream));
  }
  [[nodiscard]] bool has_room(Stream stream);
  void send(http::WebSocket::Message message);
  void send_output(Stream stream, std::string_view bytes);
  void send_window(std::size_t bytes);
  void release_output();
  void end_input();
  void leave();
  void wake_all();

  async::Executor executor_;
  std::unique_ptr<http::AcceptedWebSocket> socket_;
  std::shared_ptr<Cancel> cancel_;
  std::weak_ptr<job::Job> job_;
  async::Gate tasks_;
  async::Gate outputs_;

  std::optional<Opening> opening_;
  bool is_announced_ = false;
  bool is_ready_ = false;
  bool is_opened_ = false;  // init has come
  std::optional<kernel::TerminalSize> terminal_;
  bool is_captured_ = false;  // output goes into the result
  bool is_binary_ = false;    // streams are binary messages
  bool is_windowed_ = false;  // each side sends as much of a stream as the other one has said
  std::optional<Problem> problem_;
  bool is_left_ = false;
  bool is_closing_ = false;
  async::Event changed_;  // an opening, a failure, a leaving

  // To the client.
  std::deque<http::WebSocket::Message> outgoing_;
  std::size_t outgoing_bytes_ = 0;
  std::optional<std::size_t> ahead_;
  bool is_last_sent_ = false;
  bool is_held_back_ = true;  // output waits for the client
  async::Event to_write_;
  async::Event output_room_;
  async::Event written_;  // nothing more will be

  // From the client.
  std::deque<std::string> input_;
  std::size_t input_bytes_ = 0;
  bool is_input_ended_ = false;
  bool is_input_refused_ = false;  // the program reads no more
  async::Event to_feed_;
  async::Event input_room_;

  // Our ends of the pipes, and the program's.
  std::optional<Descriptor> stdin_;
  base::Fd program_stdin_;
  std::array<Output, 2> outputs_of_program_;
};

}  // namespace retort::api
