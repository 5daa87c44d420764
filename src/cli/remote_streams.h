// Remote streams: this process's stdin, stdout and stderr on their way to and from a server, by the
// pumps that serve a program on this machine.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "job/pump.h"
#include "kernel/event_loop.h"

namespace retort::cli {

// What comes from `source`, as much at a time as was granted.
class RemoteInput {
 public:
  // `on_bytes` is called from the loop, with nothing at the end. `source` stays the caller's.
  using OnBytes = std::function<void(std::string)>;
  RemoteInput(kernel::EventLoop& loop, int source, OnBytes on_bytes);
  RemoteInput(const RemoteInput&) = delete;
  RemoteInput& operator=(const RemoteInput&) = delete;
  ~RemoteInput() { stop(); }

  // So many more bytes are wanted. Nothing is read before the first call.
  base::Status grant(std::uint64_t bytes);
  // No more are.
  void stop();

 private:
  void on_pipe();
  void rest();

  kernel::EventLoop& loop_;
  int source_;
  OnBytes on_bytes_;
  std::optional<job::InputPump> pump_;
  base::Fd pipe_;
  bool is_watched_ = false;
  std::uint64_t granted_ = 0;
};

// What goes to `sink`, in the order in which it came.
class RemoteOutput {
 public:
  // Called from the loop: so many bytes are no longer here; nobody reads the sink any more (EPIPE);
  // all is written, or nothing more will be, once.
  struct Listener {
    std::function<void(std::size_t)> taken;
    std::function<void()> refused;
    std::function<void()> ended;
  };
  RemoteOutput(kernel::EventLoop& loop, int sink, Listener listener);
  RemoteOutput(const RemoteOutput&) = delete;
  RemoteOutput& operator=(const RemoteOutput&) = delete;
  ~RemoteOutput() { close(); }

  base::Status start();
  void add(std::string_view bytes);
  // Nothing more comes.
  void finish();
  // Nobody waits for the sink any more.
  void abandon();
  // As OutputPump::sink_error.
  [[nodiscard]] int error() const { return pump_.sink_error(); }

 private:
  void on_pipe(std::uint32_t events);
  void drain();
  void close();

  kernel::EventLoop& loop_;
  Listener listener_;
  job::OutputPump pump_;
  base::Fd pipe_;
  std::deque<std::string> waiting_;
  std::size_t written_ = 0;  // of the first that waits
  bool is_finished_ = false;
};

}  // namespace retort::cli
