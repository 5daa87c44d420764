// Client: starts the keeper, sends orders, and hands out what comes back.
#include "keeper/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <utility>

#include "cell/signals.h"
#include "keeper/frames.h"
#include "kernel/files.h"
#include "kernel/socket.h"

namespace retort::keeper {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr int kKeeperSocket = 3;
constexpr int kPatienceMilliseconds = 5000;

Result<std::string> keeper_path() {
  RETORT_TRY(std::string path, kernel::program_folder());
  path += "/retort-keeper";
  if (::access(path.c_str(), X_OK) != 0) return os_error("execute", path);
  return path;
}

Result<Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return os_error("connect", path, ENAMETOOLONG);
  path.copy(static_cast<char*>(address.sun_path), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return os_error("socket", "AF_UNIX");
  // The socket interface takes every kind of address by this type.
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
  if (::connect(socket.get(), any, sizeof address) != 0) return os_error("connect", path);
  return socket;
}

Error to_error(const RefusedFrame& frame) {
  return Error{static_cast<Fault>(frame.fault), get_text(frame.text), frame.error_number};
}

// Pipes are three, a terminal is one; a pipe for collected files may follow.
Result<cell::Streams> to_streams(std::vector<Fd>& ends) {
  if (ends.empty() || ends.size() > 4)
    return Error{Fault::internal, "retort-keeper sent no streams", 0};
  cell::Streams streams;
  std::size_t next = 0;
  if (ends.size() < 3) {
    streams.terminal = std::move(ends.at(next++));
  } else {
    streams.stdin_write = std::move(ends.at(next++));
    streams.stdout_read = std::move(ends.at(next++));
    streams.stderr_read = std::move(ends.at(next++));
  }
  if (next < ends.size()) streams.collected_read = std::move(ends.at(next));
  return streams;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::start(kernel::EventLoop& loop, int interrupt) {
  RETORT_TRY(std::string path, keeper_path());
  RETORT_TRY(auto sockets, kernel::make_socket_pair());
  RETORT_TRY(auto child, kernel::fork_child(0));
  if (child.pid == 0) {
    ::setsid();  // what the terminal sends is for us, not for it
    // What it sent between fork and setsid is pending, and would end the keeper: ignoring drops it.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::signal(number, SIG_IGN);
    kernel::reset_signals();
    const int high = ::fcntl(sockets.theirs.get(), F_DUPFD_CLOEXEC, 10);
    if (high < 0 || ::dup2(high, kKeeperSocket) < 0) ::_exit(127);
    // Its words are for stderr; of what else the caller reads and writes it has no need.
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(nothing, 1) < 0) ::_exit(127);
    (void)kernel::close_descriptors_from(kKeeperSocket + 1);
    char name[] = "retort-keeper";
    char* const arguments[] = {name, nullptr};
    ::execve(path.c_str(), arguments, environ);
    ::_exit(127);
  }
  sockets.theirs.reset();
  return take_up(
      std::unique_ptr<Client>(new Client(loop, std::move(sockets.ours), std::move(child))),
      interrupt);
}

Result<std::unique_ptr<Client>> Client::connect(kernel::EventLoop& loop, const std::string& path) {
  RETORT_TRY(Fd socket, connect_to(path));
  return take_up(std::unique_ptr<Client>(new Client(loop, std::move(socket), {})), -1);
}

Result<std::unique_ptr<Client>> Client::take_up(std::unique_ptr<Client> client, int interrupt) {
  RETORT_CHECK(client->greet(interrupt));
  RETORT_TRY(client->lost_timer_, kernel::Timer::create());
  kernel::EventLoop& loop = client->loop_;
  RETORT_CHECK(loop.watch(client->lost_timer_.descriptor(), EPOLLIN, [self = client.get()](auto) {
    self->lost_timer_.acknowledge();
    self->lose(Error{Fault::gone, "retort-keeper has died; try again", 0});
  }));
  RETORT_CHECK(loop.watch(
      client->socket_.get(), EPOLLIN, [self = client.get()](auto) { self->on_frame(); }));
  return client;
}

Client::~Client() {
  loop_.forget(socket_.get());
  loop_.forget(lost_timer_.descriptor());
  socket_.reset();  // the keeper ends every cell and itself
  if (keeper_.pidfd.is_open()) (void)kernel::reap(keeper_.pidfd);
}

// A keeper that waits for its turn hears SIGTERM alone, and only while it waits: it is told again
// until it is gone. One that does not go then is stuck; what it made is swept by the next.
void Client::call_off() {
  constexpr int kTries = 100;
  constexpr int kMilliseconds = 20;
  socket_.reset();
  pollfd ended{.fd = keeper_.pidfd.get(), .events = POLLIN, .revents = 0};
  for (int attempt = 0; attempt < kTries; ++attempt) {
    (void)kernel::send_signal(keeper_.pidfd, SIGTERM);
    if (::poll(&ended, 1, kMilliseconds) == 1) return;
  }
  (void)kernel::send_signal(keeper_.pidfd, SIGKILL);
}

Status Client::greet(int interrupt) {
  std::array<pollfd, 2> either = {
      pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = interrupt, .events = POLLIN, .revents = 0},  // poll(2) passes over -1
  };
  // Ours waits for its turn as long as that takes; of a stranger's nothing is known.
  const int patience = keeper_.pidfd.is_open() ? -1 : kPatienceMilliseconds;
  int ready = 0;
  while ((ready = ::poll(either.data(), either.size(), patience)) < 0) {
    if (errno != EINTR) return os_error("poll", "for retort-keeper");
  }
  if (ready == 0) return Error{Fault::gone, "the keeper's socket accepts, and says nothing", 0};
  if (either.at(1).revents != 0) {
    call_off();
    return Error{Fault::gone, "interrupted before retort-keeper served", 0};
  }
  RETORT_TRY(const auto message, kernel::receive_message(socket_, kLargestFrame));
  if (message.bytes.empty()) return Error{Fault::gone, "retort-keeper ended before it served", 0};
  RETORT_TRY(const Kind kind, check_frame(message.bytes));
  if (kind == Kind::refused) {
    RefusedFrame refused;
    std::memcpy(&refused, message.bytes.data(), sizeof refused);
    return to_error(refused);
  }
  if (kind != Kind::hello) return Error{Fault::internal, "retort-keeper spoke out of turn", 0};
  HelloFrame hello;
  std::memcpy(&hello, message.bytes.data(), sizeof hello);
  abilities_ = {.unenforceable = hello.unenforceable,
                .group_version = hello.group_version,
                .instance = hello.instance,
                .single_id = hello.single_id != 0,
                .reason = get_text(hello.reason)};
  return {};
}

std::uint64_t Client::run(const Order& order, const Fd& bundle, Callbacks callbacks) {
  const std::uint64_t id = ++last_id_;
  StartFrame frame = make_start_frame(order.limits);
  frame.header.id = id;
  frame.add_ons = order.add_ons;
  frame.allow_unenforced = order.allow_unenforced;
  frame.collect = order.collect ? 1 : 0;
  frame.collect_bytes = order.collect_bytes;
  frame.collect_entries = order.collect_entries;
  if (order.terminal) {
    frame.terminal_rows = order.terminal->rows;
    frame.terminal_columns = order.terminal->columns;
  }
  waiting_.emplace(id, std::move(callbacks));
  const std::array descriptors = {bundle.get()};
  if (auto sent = kernel::send_message(socket_, kernel::frame_bytes(frame), descriptors); !sent) {
    // The keeper is gone, and this order with it. Told from the loop, where every other answer
    // comes from.
    (void)lost_timer_.arm(base::Duration(1));
  }
  return id;
}

void Client::cancel(std::uint64_t id) {
  CancelFrame frame;
  frame.header.id = id;
  (void)kernel::send_message(socket_, kernel::frame_bytes(frame));
}

Status Client::signal(std::uint64_t id, int number) {
  if (!cell::is_sendable(number)) {
    return Error{Fault::invalid,
                 "signal " + std::to_string(number) + " is none that a program may be sent",
                 0};
  }
  SignalFrame frame;
  frame.header.id = id;
  frame.number = number;
  (void)kernel::send_message(socket_, kernel::frame_bytes(frame));
  return {};
}

void Client::on_frame() {
  auto message = kernel::receive_message(socket_, kLargestFrame);
  if (!message || message->bytes.empty())
    return lose(Error{Fault::gone, "retort-keeper has died; try again", 0});
  const auto kind = check_frame(message->bytes);
  if (!kind) return lose(kind.error());
  FrameHeader header;
  std::memcpy(&header, message->bytes.data(), sizeof header);
  const auto found = waiting_.find(header.id);
  if (found == waiting_.end()) return;
  if (*kind == Kind::started) {
    auto streams = to_streams(message->descriptors);
    if (!streams) return lose(streams.error());
    return found->second.started(*std::move(streams));
  }
  const Callbacks callbacks = std::move(found->second);
  waiting_.erase(found);
  if (*kind == Kind::ended) {
    EndedFrame ended;
    std::memcpy(&ended, message->bytes.data(), sizeof ended);
    callbacks.ended(ended.facts);
  } else if (*kind == Kind::refused) {
    RefusedFrame refused;
    std::memcpy(&refused, message->bytes.data(), sizeof refused);
    callbacks.refused(to_error(refused));
  }
}

void Client::lose(const Error& error) {
  loop_.forget(socket_.get());
  auto lost = std::move(waiting_);
  waiting_.clear();
  for (const auto& [id, callbacks] : lost) callbacks.refused(error);
  if (on_lost_) std::exchange(on_lost_, nullptr)();
}

}  // namespace retort::keeper
