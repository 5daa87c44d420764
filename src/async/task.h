// Task: a coroutine of this program's one I/O thread, and how one is started that nobody waits for.
#pragma once

#include <functional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace retort::async {

namespace asio = boost::asio;

// What cancels a task (a deadline, the end of the io_context) makes the `co_await` in it throw, so
// that it unwinds; spawn and within catch what arrives there. Nothing else is thrown on purpose.
template <typename T = void>
using Task = asio::awaitable<T>;

using Executor = asio::any_io_executor;

// Starts a task that nobody waits for. An exception that leaves it is a defect of ours: it is told
// in one line and ends that task alone. Who must know when the task has ended gives it a Gate::Pass
// or an Event.
void spawn(const Executor& executor, Task<> task);

// Whom such defects are told, in the exception's own words, from where tasks run. None: stderr.
// Returns who was told before.
using TellDefect = std::function<void(const char* what)>;
TellDefect tell_defects_to(TellDefect tell);

}  // namespace retort::async
