// EventLoop: epoll(7) and timerfd_create(2).
#include "kernel/event_loop.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace retort::kernel {

using base::os_error;

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  const int number = ::epoll_create1(EPOLL_CLOEXEC);
  if (number < 0) return os_error("epoll_create1", "");
  return std::unique_ptr<EventLoop>(new EventLoop(Fd(number)));
}

Status EventLoop::watch(int descriptor, std::uint32_t events, Callback callback) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return os_error("epoll_ctl", "add");
  }
  callbacks_[descriptor] = std::make_shared<Callback>(std::move(callback));
  return {};
}

Status EventLoop::change(int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event) != 0) {
    return os_error("epoll_ctl", "modify");
  }
  return {};
}

void EventLoop::forget(int descriptor) {
  if (callbacks_.erase(descriptor) > 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  }
}

// One event a turn: a callback may close descriptors that later events of a batch would still name.
Result<bool> EventLoop::turn(int milliseconds) {
  epoll_event event{};
  const int count = ::epoll_wait(epoll_.get(), &event, 1, milliseconds);
  if (count < 0 && errno != EINTR) return os_error("epoll_wait", "");
  if (count <= 0) return false;
  const auto found = callbacks_.find(event.data.fd);
  if (found == callbacks_.end()) return true;
  const std::shared_ptr<Callback> callback = found->second;  // it may forget itself
  (*callback)(event.events);
  return true;
}

Status EventLoop::run() {
  stopping_ = false;
  while (!stopping_) RETORT_CHECK(turn(-1));
  return {};
}

Status EventLoop::run_ready() {
  constexpr int kMostTurns = 64;
  for (int turns = 0; turns < kMostTurns; ++turns) {
    RETORT_TRY(const bool ran, turn(0));
    if (!ran) break;
  }
  return {};
}

Result<Timer> Timer::create() {
  const int number = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (number < 0) return os_error("timerfd_create", "");
  return Timer(Fd(number));
}

Status Timer::arm(Duration delay) {
  const auto micros = std::max<Duration::rep>(delay.count(), 1);  // zero would disarm it
  itimerspec setting{};
  setting.it_value.tv_sec = micros / 1'000'000;
  setting.it_value.tv_nsec = micros % 1'000'000 * 1'000;
  if (::timerfd_settime(fd_.get(), 0, &setting, nullptr) != 0)
    return os_error("timerfd_settime", "");
  return {};
}

Status Timer::disarm() {
  const itimerspec setting{};
  if (::timerfd_settime(fd_.get(), 0, &setting, nullptr) != 0)
    return os_error("timerfd_settime", "");
  return {};
}

void Timer::acknowledge() {
  std::uint64_t expirations = 0;
  (void)!::read(fd_.get(), &expirations, sizeof expirations);
}

}  // namespace retort::kernel
