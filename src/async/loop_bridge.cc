// LoopBridge: an epoll is readable when one of its descriptors is ready (epoll(7)).
#include "async/loop_bridge.h"

#include <fcntl.h>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace retort::async {

using base::Result;

struct LoopBridge::State {
  State(asio::io_context& context,
        kernel::EventLoop& watched,
        std::function<void(const base::Error&)> at_failure)
      : descriptor(context), loop(watched), failed(std::move(at_failure)) {}

  asio::posix::stream_descriptor descriptor;
  kernel::EventLoop& loop;
  std::function<void(const base::Error&)> failed;
  bool ended = false;

  static void wait(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                 [state](const boost::system::error_code& code) {
                                   if (state->ended || code) return;
                                   const auto ran = state->loop.run_ready();
                                   if (state->ended) return;  // a callback ended the bridge
                                   if (!ran) return state->failed(ran.error());
                                   wait(state);
                                 });
  }
};

Result<std::unique_ptr<LoopBridge>> LoopBridge::create(
    asio::io_context& context,
    kernel::EventLoop& loop,
    std::function<void(const base::Error&)> failed) {
  // Its own descriptor: Asio watches one descriptor once, and closes what it holds.
  base::Fd own(::fcntl(loop.descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!own.is_open()) return base::os_error("dup", "epoll");
  auto state = std::make_shared<State>(context, loop, std::move(failed));
  boost::system::error_code code;
  (void)state->descriptor.assign(own.get(), code);
  if (code) return base::os_error("epoll_ctl", "epoll", code.value());
  (void)own.release();
  State::wait(state);
  return std::unique_ptr<LoopBridge>(new LoopBridge(std::move(state)));
}

LoopBridge::LoopBridge(std::shared_ptr<State> state) : state_(std::move(state)) {}

LoopBridge::~LoopBridge() {
  state_->ended = true;
  boost::system::error_code code;
  (void)state_->descriptor.close(code);
}

}  // namespace retort::async
