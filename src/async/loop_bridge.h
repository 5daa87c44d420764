// LoopBridge: runs a kernel::EventLoop inside an io_context, so that both share one thread.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "async/task.h"
#include "kernel/event_loop.h"

namespace retort::async {

// Watches the loop's epoll from the io_context, and has it run what is ready. The loop's callbacks
// are called from io_context::run; the loop itself must not be run elsewhere meanwhile. `failed`
// is called once if the loop cannot go on. The bridge is destroyed before both; while it lives,
// io_context::run does not return by itself.
class LoopBridge {
 public:
  static base::Result<std::unique_ptr<LoopBridge>> create(
      asio::io_context& context,
      kernel::EventLoop& loop,
      std::function<void(const base::Error&)> failed);
  LoopBridge(const LoopBridge&) = delete;
  LoopBridge& operator=(const LoopBridge&) = delete;
  ~LoopBridge();

 private:
  struct State;
  explicit LoopBridge(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace retort::async
