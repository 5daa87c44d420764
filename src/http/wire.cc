// Wire: recvmsg and sendmsg on a socket that does not block.
#include "http/wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace retort::http {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

Wire::Wire(Socket socket, std::size_t buffer_size)
    : socket_(std::move(socket)), buffer_(buffer_size), timer_(socket_.get_executor()) {}

std::string_view Wire::buffered() const {
  return {buffer_.data() + begin_, end_ - begin_};
}

void Wire::consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

bool Wire::is_full() const {
  return end_ - begin_ == buffer_.size();
}

std::span<char> Wire::room() {
  if (end_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(buffer_).subspan(end_);
}

// The timer is moved only when it would look too late; one that looks too early looks again.
void Wire::limit(Clock::time_point until) {
  timed_out_ = false;
  until_ = until;
  if (until < armed_) arm(until);
}

void Wire::arm(Clock::time_point at) {
  armed_ = at;
  timer_.expires_at(at);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& code) {
    if (code) return;
    const auto self = weak.lock();
    if (!self) return;
    self->armed_ = Clock::time_point::max();
    if (self->until_ > Clock::now()) {
      if (self->until_ != Clock::time_point::max()) self->arm(self->until_);
      return;
    }
    self->timed_out_ = true;
    boost::system::error_code ignored;
    (void)self->socket_.cancel(ignored);
  });
}

Error Wire::broken(int number) {
  is_broken_ = true;
  return unread(number);
}

Error Wire::unread(int number) {
  if (timed_out_) return Error{Fault::gone, "the client was too slow", ETIMEDOUT};
  // ETIMEDOUT is a deadline's; the kernel's means that the peer does not answer.
  return Error{Fault::gone, "the client has left", number == ETIMEDOUT ? ECONNRESET : number};
}

Task<Status> Wire::fill(Clock::time_point until) {
  const std::span<char> into = room();
  const auto count = co_await read(into, until);
  if (!count) co_return count.error();
  end_ += *count;
  co_return Status();
}

Task<Result<std::size_t>> Wire::read(std::span<char> into, Clock::time_point until) {
  if (is_broken_) co_return unread(EPIPE);
  limit(until);
  const asio::mutable_buffer buffer(into.data(), into.size());
  const auto [code, count] = co_await socket_.async_read_some(buffer, kAwait);
  until_ = Clock::time_point::max();
  if (code == asio::error::eof || (code && timed_out_)) co_return unread(EPIPE);
  if (code) co_return broken(code.value());
  co_return count;
}

Task<Status> Wire::write(Pieces pieces, Pace& pace) {
  std::array<iovec, std::tuple_size_v<Pieces>> vectors{};
  std::size_t left = 0;
  for (std::size_t index = 0; index < pieces.size(); ++index) {
    const std::string_view piece = pieces.at(index);
    left += piece.size();
    // sendmsg(2) does not write there.
    vectors.at(index) = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  while (left > 0) {
    if (is_broken_) co_return broken(EPIPE);
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) co_return broken(errno);
    if (sent >= 0) {
      auto rest = static_cast<std::size_t>(sent);
      pace.moved += rest;
      left -= rest;
      for (iovec& vector : vectors) {
        const std::size_t taken = std::min(rest, vector.iov_len);
        vector.iov_base = static_cast<char*>(vector.iov_base) + taken;
        vector.iov_len -= taken;
        rest -= taken;
      }
      continue;
    }
    limit(pace.deadline());
    const auto before = Clock::now();
    const auto [code] = co_await socket_.async_wait(Socket::wait_write, kAwait);
    until_ = Clock::time_point::max();
    pace.waited += Clock::now() - before;
    if (code) co_return broken(code.value());
  }
  co_return Status();
}

void Wire::watch(std::function<void()> gone) {
  unwatch();
  gone_ = std::move(gone);
  if (is_broken_) return tell_gone();
  wait_for_end();
}

void Wire::unwatch() {
  ++watch_;
  gone_ = nullptr;
  poll_timer_.reset();
  watch_end_.emit(asio::cancellation_type::all);
}

void Wire::wait_for_end() {
  auto look = [weak = weak_from_this(), watch = watch_](const boost::system::error_code& code) {
    const auto self = weak.lock();
    if (self && self->watch_ == watch && !code) self->look_for_end();
  };
  socket_.async_wait(Socket::wait_read,
                     asio::bind_cancellation_slot(watch_end_.slot(), std::move(look)));
}

// What came is taken into the buffer: otherwise the socket would stay readable, and say no more.
void Wire::look_for_end() {
  const std::span<char> into = room();
  if (into.empty()) return poll_for_end();
  // free
  const ssize_t count = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (count == 0) return tell_gone();
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    is_broken_ = true;
    return tell_gone();
  }
  if (count > 0) end_ += static_cast<std::size_t>(count);
  wait_for_end();
}

// A client that sends more than the buffer holds before it has its answer: only poll(2) tells its
// end from its bytes.
void Wire::poll_for_end() {
  pollfd state{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) > 0) return tell_gone();
  poll_timer_.emplace(socket_.get_executor());
  poll_timer_->expires_after(std::chrono::seconds(1));
  poll_timer_->async_wait(
      [weak = weak_from_this(), watch = watch_](const boost::system::error_code& code) {
        const auto self = weak.lock();
        if (self && self->watch_ == watch && !code) self->poll_for_end();
      });
}

void Wire::tell_gone() {
  const auto gone = std::move(gone_);
  unwatch();
  if (gone) gone();
}

void Wire::end_writing() {
  boost::system::error_code ignored;
  (void)socket_.shutdown(Socket::shutdown_send, ignored);
}

void Wire::cut() {
  if (!socket_.is_open()) return;
  is_broken_ = true;
  boost::system::error_code ignored;
  (void)socket_.shutdown(Socket::shutdown_both, ignored);
  (void)socket_.cancel(ignored);
  tell_gone();
}

Socket Wire::release_socket() {
  unwatch();
  timer_.cancel();
  is_broken_ = true;
  return std::move(socket_);
}

}  // namespace retort::http
