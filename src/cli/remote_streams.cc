// Remote streams: a pipe stands where the program's would be.
#include "cli/remote_streams.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "kernel/files.h"

namespace retort::cli {

using base::ByteSize;
using base::Status;

namespace {

constexpr std::size_t kAtOnce = std::size_t{64} << 10U;
// The server counts.
constexpr auto kNoLimit = ByteSize::of_bytes(std::numeric_limits<std::uint64_t>::max());

}  // namespace

RemoteInput::RemoteInput(kernel::EventLoop& loop, int source, OnBytes on_bytes)
    : loop_(loop), source_(source), on_bytes_(std::move(on_bytes)) {}

Status RemoteInput::grant(std::uint64_t bytes) {
  if (!on_bytes_) return {};
  if (!pump_) {
    RETORT_TRY(kernel::Pipe pipe, kernel::make_pipe());
    RETORT_CHECK(kernel::set_nonblocking(pipe.read_end));
    pipe_ = std::move(pipe.read_end);
    pump_.emplace(loop_, "", source_);
    pump_->start(std::move(pipe.write_end));
  }
  granted_ += bytes;
  if (is_watched_ || granted_ == 0) return {};
  RETORT_CHECK(loop_.watch(pipe_.get(), EPOLLIN, [this](auto) { on_pipe(); }));
  is_watched_ = true;
  return {};
}

void RemoteInput::on_pipe() {
  std::string bytes(std::min<std::uint64_t>(granted_, kAtOnce), '\0');
  const ssize_t count = ::read(pipe_.get(), bytes.data(), bytes.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  granted_ -= bytes.size();
  // The end would be reported for ever.
  if (granted_ == 0) rest();
  const bool is_end = bytes.empty();
  on_bytes_(std::move(bytes));
  if (is_end) stop();
}

void RemoteInput::rest() {
  if (std::exchange(is_watched_, false)) loop_.forget(pipe_.get());
}

void RemoteInput::stop() {
  rest();
  if (pump_) pump_->stop();
  pipe_.reset();
  on_bytes_ = nullptr;
}

RemoteOutput::RemoteOutput(kernel::EventLoop& loop, int sink, Listener listener)
    : loop_(loop), listener_(std::move(listener)), pump_(loop, sink, kNoLimit, [this] {
        if (listener_.ended) std::exchange(listener_.ended, nullptr)();
      }) {}

Status RemoteOutput::start() {
  RETORT_TRY(kernel::Pipe pipe, kernel::make_pipe());
  RETORT_CHECK(kernel::set_nonblocking(pipe.write_end));
  pipe_ = std::move(pipe.write_end);
  // With no events asked for, the error that a closed reader causes is still reported.
  RETORT_CHECK(loop_.watch(pipe_.get(), 0, [this](std::uint32_t events) { on_pipe(events); }));
  pump_.start(std::move(pipe.read_end));
  return {};
}

void RemoteOutput::add(std::string_view bytes) {
  if (!pipe_.is_open() || bytes.empty()) return;
  waiting_.emplace_back(bytes);
  drain();
}

void RemoteOutput::finish() {
  is_finished_ = true;
  if (waiting_.empty()) close();
}

void RemoteOutput::abandon() {
  close();
  pump_.abandon();
}

void RemoteOutput::on_pipe(std::uint32_t events) {
  if ((events & EPOLLERR) == 0) return drain();
  close();
  if (listener_.refused) std::exchange(listener_.refused, nullptr)();
}

void RemoteOutput::drain() {
  while (!waiting_.empty()) {
    const std::string_view next = std::string_view(waiting_.front()).substr(written_);
    const ssize_t count = ::write(pipe_.get(), next.data(), next.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written_ += static_cast<std::size_t>(count);
    if (static_cast<std::size_t>(count) == next.size()) {
      waiting_.pop_front();
      written_ = 0;
    }
    if (listener_.taken) listener_.taken(static_cast<std::size_t>(count));
  }
  if (waiting_.empty() && is_finished_) return close();
  (void)loop_.change(pipe_.get(), waiting_.empty() ? 0U : EPOLLOUT);
}

void RemoteOutput::close() {
  if (pipe_.is_open()) loop_.forget(pipe_.get());
  pipe_.reset();
  waiting_.clear();
  written_ = 0;
}

}  // namespace retort::cli
