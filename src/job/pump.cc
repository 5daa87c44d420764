// Pump: readiness by epoll, blocking descriptors of others respected.
#include "job/pump.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "kernel/files.h"

namespace retort::job {

using base::Fd;

namespace {

constexpr std::size_t kChunk = 64U << 10U;
constexpr std::uint64_t kDroppedMost = 16U << 20U;
constexpr std::uint64_t kDroppedTimes = 4;
// A pipe or socket that is ready takes at least this much without waiting (PIPE_BUF, pipe(7)).
constexpr std::size_t kSafeWrite = 4096;
constexpr char kEndOfFile = '\x04';  // VEOF of a terminal that nobody has set otherwise

// The same pipe or terminal by an open file description of our own, so that it can be made
// non-blocking without doing that to everyone who shares the caller's. Not open where that cannot
// be had: sockets, files of others.
Fd reopen_nonblocking(int descriptor) {
  auto own = kernel::open_at(
      AT_FDCWD, "/proc/self/fd/" + std::to_string(descriptor), O_WRONLY | O_NONBLOCK | O_NOCTTY);
  return own ? std::move(*own) : Fd();
}

bool is_regular(int descriptor) {
  struct stat info{};
  return ::fstat(descriptor, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

}  // namespace

InputPump::InputPump(
    kernel::EventLoop& loop, std::string text, int source, Kind kind, std::function<void()> at_end)
    : loop_(loop),
      waiting_(std::move(text)),
      source_(source),
      at_end_(std::move(at_end)),
      ends_by_character_(kind == Kind::terminal) {}

void InputPump::start(Fd program_stdin) {
  program_ = std::move(program_stdin);
  (void)kernel::set_nonblocking(program_);
  // With no events asked for, the error that a closed reader causes is still reported.
  if (!loop_.watch(program_.get(), 0, [this](std::uint32_t events) { on_program(events); }))
    return stop();
  if (source_ >= 0 && !loop_.watch(source_, 0, [this](auto) { on_source(); })) {
    source_always_ready_ = true;  // EPERM: a regular file, or /dev/null
  } else {
    source_watched_ = source_ >= 0;
  }
  await();
}

void InputPump::stop() {
  if (source_watched_) loop_.forget(source_);
  source_watched_ = false;
  source_ = -1;
  if (program_.is_open()) loop_.forget(program_.get());
  program_.reset();
  if (at_end_) std::exchange(at_end_, nullptr)();
}

// Watches for the one thing that is missing: bytes, or room for them.
void InputPump::await() {
  if (!program_.is_open()) return;
  if (waiting_.empty() && source_ < 0) {
    if (!std::exchange(ends_by_character_, false)) return stop();
    // Within a line the first one only hands over what there is of it.
    waiting_ = within_line_ ? std::string(2, kEndOfFile) : std::string(1, kEndOfFile);
  }
  const bool wants_room = !waiting_.empty() || source_always_ready_;
  (void)loop_.change(program_.get(), wants_room ? EPOLLOUT : 0U);
  if (source_watched_) (void)loop_.change(source_, waiting_.empty() ? EPOLLIN : 0U);
}

void InputPump::on_source() {
  if (waiting_.empty()) {
    fill();
    drain();
    return await();
  }
  // A hang-up with events off would be reported for ever: look again when there is room.
  loop_.forget(source_);
  source_watched_ = false;
  source_always_ready_ = true;
  await();
}

void InputPump::on_program(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return stop();
  if (waiting_.empty() && source_always_ready_) fill();
  drain();
  await();
}

void InputPump::fill() {
  waiting_.resize(kChunk);
  const ssize_t count = ::read(source_, waiting_.data(), waiting_.size());
  waiting_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))) return;
  if (source_watched_) loop_.forget(source_);
  source_watched_ = false;
  source_ = -1;
}

void InputPump::drain() {
  if (waiting_.empty() || !program_.is_open()) return;
  const ssize_t count = ::write(program_.get(), waiting_.data() + taken_, waiting_.size() - taken_);
  if (count > 0) {
    taken_ += static_cast<std::size_t>(count);
    within_line_ = waiting_.at(taken_ - 1) != '\n';
  }
  if (taken_ == waiting_.size()) {
    waiting_.clear();
    taken_ = 0;
  }
  if (count < 0 && errno != EAGAIN && errno != EINTR) stop();
}

OutputPump::OutputPump(kernel::EventLoop& loop,
                       int sink,
                       base::ByteSize limit,
                       std::function<void()> at_end,
                       std::function<void()> at_flood)
    : loop_(loop),
      sink_(sink),
      limit_(limit.bytes()),
      at_end_(std::move(at_end)),
      at_flood_(std::move(at_flood)) {}

OutputPump::~OutputPump() {
  if (program_.is_open()) loop_.forget(program_.get());
  if (sink_watched_) loop_.forget(sink_);
}

bool OutputPump::watch_sink() {
  if (!sink_opened_) {
    sink_opened_ = true;
    // A regular file is always ready, and opening it again would lose its place.
    if (is_regular(sink_)) return false;
    own_sink_ = reopen_nonblocking(sink_);
    if (own_sink_.is_open()) sink_ = own_sink_.get();
  }
  sink_watched_ = loop_.watch(sink_, EPOLLOUT, [this](auto) { on_sink(); }).has_value();
  return sink_watched_;
}

void OutputPump::start(Fd program_output) {
  program_ = std::move(program_output);
  (void)kernel::set_nonblocking(program_);
  watch_program();
}

void OutputPump::watch_program() {
  if (!loop_.watch(program_.get(), EPOLLIN, [this](auto) { on_program(); })) finish();
}

void OutputPump::on_program() {
  std::array<char, kChunk> buffer{};
  const ssize_t count = ::read(program_.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return finish();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  const std::uint64_t before = total_;
  total_ += bytes.size();
  if (at_flood_ && is_flood()) std::exchange(at_flood_, nullptr)();
  if (sink_ < 0) return try_to_keep(bytes);
  if (before >= limit_ || sink_error_ != 0) return;
  waiting_ = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), limit_ - before));
  on_sink();
}

// Writes as much as cannot block; then waits for the sink and does not read from the program
// meanwhile.
void OutputPump::on_sink() {
  if (!sink_watched_ && watch_sink()) {
    // Not watched for nothing, but not watched: the end of the stream is always reported, and would
    // overtake what is still waiting here.
    loop_.forget(program_.get());
    return;
  }
  do {
    const std::size_t most = sink_watched_ && !own_sink_.is_open() ? kSafeWrite : kChunk;
    const ssize_t count = ::write(sink_, waiting_.data(), std::min(waiting_.size(), most));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN && sink_watched_) return;
    if (count < 0) {
      sink_error_ = errno;
      waiting_.clear();
      break;
    }
    waiting_.erase(0, static_cast<std::size_t>(count));
  } while (!sink_watched_ && !waiting_.empty());
  if (!waiting_.empty()) return;
  const bool was_waiting = sink_watched_;
  if (sink_watched_) loop_.forget(sink_);
  sink_watched_ = false;
  if (sink_error_ == EPIPE) return finish();
  if (was_waiting) watch_program();
}

void OutputPump::abandon() {
  waiting_.clear();
  if (!sink_watched_) return;
  loop_.forget(sink_);
  sink_watched_ = false;
  sink_error_ = ECANCELED;
  watch_program();
}

void OutputPump::try_to_keep(std::string_view bytes) {
  if (is_lost_) return;
  try {
    keep(bytes);
  } catch (const std::bad_alloc&) {
    is_lost_ = true;
    head_ = {};
    tail_ = {};
    tail_next_ = 0;
    if (at_flood_) std::exchange(at_flood_, nullptr)();
  }
}

void OutputPump::keep(std::string_view bytes) {
  const std::size_t tail_room = limit_ / 2;
  const std::size_t head_room = limit_ - tail_room;
  const std::size_t to_head = std::min(bytes.size(), head_room - head_.size());
  head_.append(bytes.substr(0, to_head));
  bytes.remove_prefix(to_head);
  if (tail_room == 0) return;
  if (bytes.size() > tail_room) bytes.remove_prefix(bytes.size() - tail_room);
  while (!bytes.empty()) {
    if (tail_.size() < tail_room) {
      const std::size_t count = std::min(bytes.size(), tail_room - tail_.size());
      tail_.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      continue;
    }
    const std::size_t count = std::min(bytes.size(), tail_room - tail_next_);
    bytes.copy(tail_.data() + tail_next_, count);
    tail_next_ = (tail_next_ + count) % tail_room;
    bytes.remove_prefix(count);
  }
}

// Reading what is dropped costs this process as much as writing it costs the program.
bool OutputPump::is_flood() const {
  return total_ > limit_ && total_ - limit_ > std::max(kDroppedMost, limit_ * kDroppedTimes);
}

void OutputPump::finish() {
  loop_.forget(program_.get());
  program_.reset();
  own_sink_.reset();
  if (at_end_) std::exchange(at_end_, nullptr)();
}

void OutputPump::Text::shorten(std::uint64_t most) {
  if (bytes.size() <= most) return;
  const std::uint64_t tail = std::min(most / 2, bytes.size() - head_bytes);
  const std::uint64_t head = std::min(most - tail, head_bytes);
  bytes = bytes.substr(0, head) + bytes.substr(bytes.size() - tail);
  head_bytes = head;
}

OutputPump::Text OutputPump::take_text() {
  Text text;
  text.total = total_;
  text.head_bytes = head_.size();
  text.bytes = std::move(head_);
  try {
    text.bytes.append(tail_, tail_next_).append(tail_, 0, tail_next_);
  } catch (const std::bad_alloc&) {
    is_lost_ = true;
  }
  return text;
}

}  // namespace retort::job
