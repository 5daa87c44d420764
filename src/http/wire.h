// Wire: one connected socket: buffered reading, whole writes, deadlines, and word of its end.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "async/task.h"
#include "base/error.h"
#include "base/units.h"

namespace retort::http {

namespace asio = boost::asio;
using async::Task;
using Clock = std::chrono::steady_clock;
using Socket = asio::generic::stream_protocol::socket;

// How long a peer may keep us waiting: `stall` at a time, and in all as long as that and a second
// for each `least_rate` bytes that moved. Only waiting counts, so a slow handler costs the peer
// nothing.
struct Pace {
  Clock::duration stall;
  std::uint64_t least_rate;  // not 0
  Clock::duration waited{0};
  std::uint64_t moved = 0;

  [[nodiscard]] Clock::time_point deadline() const {
    const Clock::duration allowed = stall + std::chrono::seconds(moved / least_rate + 1);
    return Clock::now() + std::min(stall, allowed - std::min(waited, allowed));
  }
  void restart() {
    waited = {};
    moved = 0;
  }
};

// One read or write at a time: a deadline is for what is under way. Errors are Fault::gone; with
// ETIMEDOUT when a deadline passed. A peer that has ended its side, or was slow to send, can still
// be written to; after any other error the wire is broken.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  // `socket` is not blocking.
  Wire(Socket socket, std::size_t buffer_size);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // What was read and not yet consumed.
  [[nodiscard]] std::string_view buffered() const;
  void consume(std::size_t bytes);
  [[nodiscard]] bool is_full() const;
  // Reads at least a byte into the buffer, which must not be full.
  Task<base::Status> fill(Clock::time_point until);
  // Reads at least a byte past the buffer, which must be empty.
  Task<base::Result<std::size_t>> read(std::span<char> into, Clock::time_point until);

  // Writes all of it, in one system call if the kernel has room. The bytes stay the caller's.
  using Pieces = std::array<std::string_view, 3>;
  Task<base::Status> write(Pieces pieces, Pace& pace);

  // Calls `gone` once when the peer closes or resets; what it sends meanwhile is kept. Until
  // unwatch, which must come before the next read.
  void watch(std::function<void()> gone);
  void unwatch();

  // No more will be written; what came is still read (shutdown(2)).
  void end_writing();
  // Ends what is under way. The descriptor stays until the wire is destroyed.
  void cut();
  [[nodiscard]] bool is_broken() const { return is_broken_; }
  // Gives the socket away.
  Socket release_socket();
  [[nodiscard]] int descriptor() { return socket_.native_handle(); }
  asio::any_io_executor executor() { return socket_.get_executor(); }

 private:
  void limit(Clock::time_point until);
  void arm(Clock::time_point at);
  base::Error broken(int number);
  base::Error unread(int number);
  [[nodiscard]] std::span<char> room();
  void wait_for_end();
  void look_for_end();
  void poll_for_end();
  void tell_gone();

  Socket socket_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;

  asio::steady_timer timer_;
  Clock::time_point until_ = Clock::time_point::max();  // of what is under way
  Clock::time_point armed_ = Clock::time_point::max();  // when the timer looks; never after until_
  bool timed_out_ = false;
  bool is_broken_ = false;

  std::function<void()> gone_;
  asio::cancellation_signal watch_end_;
  std::optional<asio::steady_timer> poll_timer_;
  std::uint64_t watch_ = 0;  // tells an earlier watch's callback from this one's
};

}  // namespace retort::http
