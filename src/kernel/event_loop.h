// EventLoop: one thread, one epoll; a callback for each descriptor that becomes ready.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::kernel {

using base::Duration;
using base::Fd;
using base::Result;
using base::Status;

class EventLoop {
 public:
  // Called with the epoll events that are ready.
  using Callback = std::function<void(std::uint32_t events)>;

  static Result<std::unique_ptr<EventLoop>> create();

  // Watches a descriptor that somebody else owns, until `forget`. EPOLLERR and EPOLLHUP are always
  // reported.
  Status watch(int descriptor, std::uint32_t events, Callback callback);
  // Other events for a descriptor that is watched already.
  Status change(int descriptor, std::uint32_t events);
  // Must be called before the descriptor is closed. A callback may forget any descriptor, its own
  // included.
  void forget(int descriptor);

  // Waits for events and runs their callbacks, until `stop`.
  Status run();
  void stop() { stopping_ = true; }

  // For who waits elsewhere: readable (epoll(7)) when callbacks are to be run.
  [[nodiscard]] int descriptor() const { return epoll_.get(); }
  // Runs the callbacks of what is ready now, without waiting; a bounded number, so that descriptors
  // which are always ready do not keep the caller.
  Status run_ready();

 private:
  // Waits at most `milliseconds` (-1: for ever) for one event and runs its callback. False: none.
  Result<bool> turn(int milliseconds);
  explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}

  Fd epoll_;
  bool stopping_ = false;
  std::unordered_map<int, std::shared_ptr<Callback>> callbacks_;
};

// A one-shot timer by CLOCK_MONOTONIC, as a descriptor for an EventLoop.
class Timer {
 public:
  Timer() = default;
  static Result<Timer> create();
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  // Fires once, this long from now; a former setting is forgotten.
  Status arm(Duration delay);
  Status disarm();
  // Empties the descriptor after it fired.
  void acknowledge();

 private:
  explicit Timer(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace retort::kernel
