// Deadline: a task that may take only so long, or until another is done.
#pragma once

#include <cerrno>
#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/task.h"
#include "base/error.h"
#include "base/units.h"

namespace retort::async {

namespace detail {

template <typename T>
struct AsResult {
  using Type = base::Result<T>;
};
template <typename T>
struct AsResult<base::Result<T>> {
  using Type = base::Result<T>;
};

}  // namespace detail

// What the task came to; what it threw, as an error.
template <typename T>
Task<typename detail::AsResult<T>::Type> caught(Task<T> task) {
  base::Fault fault = base::Fault::internal;
  std::string problem;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      co_return base::Status();
    } else {
      typename detail::AsResult<T>::Type result = co_await std::move(task);
      co_return result;
    }
  } catch (const std::bad_alloc&) {
    fault = base::Fault::exhausted;
    problem = "out of memory";
  } catch (const std::exception& error) {
    problem = error.what();
  } catch (...) {
    problem = "an exception of no known type";
  }
  co_return base::Error{fault, std::move(problem), 0};
}

// Whether an error is the end of a time limit, of `within` or of a connection's.
inline bool is_timeout(const base::Error& error) {
  return error.os_errno == ETIMEDOUT;
}

// What the task came to, or an error with ETIMEDOUT (Fault::exhausted) when it was not done in
// time. Then it is cancelled, and waited for until it has unwound: a task whose wait cannot be
// cancelled is not cut short.
template <typename T>
Task<typename detail::AsResult<T>::Type> within(base::Duration limit, Task<T> task) {
  using asio::experimental::awaitable_operators::operator||;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(limit);
  // An exception would not win against the timer, but wait for it.
  auto first = co_await (caught(std::move(task)) || timer.async_wait(asio::use_awaitable));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return base::Error{
      base::Fault::exhausted, "not done within " + base::to_text(limit), ETIMEDOUT};
}

// Returns when one of the two has; the other is cancelled, and waited for until it has unwound.
inline Task<> either(Task<> one, Task<> other) {
  using asio::experimental::awaitable_operators::operator||;
  co_await (std::move(one) || std::move(other));
}

// Returns after this long.
inline Task<> sleep_for(base::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace retort::async
