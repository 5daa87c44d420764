// Worker: one thread beside the loop, for work that blocks: SQLite, files.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "async/event.h"
#include "async/task.h"

namespace retort::async {

// Work is done in the order it is given. To be destroyed before the io_context of the tasks that
// wait; that does what was given, and then ends the thread.
class Worker {
 public:
  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Calls `work()` on the thread; what it returned or threw reaches the task that asked. `work`
  // shares with others only what is safe to share between threads. A task that is cancelled while
  // it waits goes; the work is done all the same.
  template <typename Work>
  [[nodiscard]] Task<std::invoke_result_t<Work>> run(Work work) {
    using Value = std::invoke_result_t<Work>;
    using Stored = std::conditional_t<std::is_void_v<Value>, bool, Value>;
    struct Answer {
      explicit Answer(const Executor& executor) : done(executor) {}
      std::optional<Stored> value;
      std::exception_ptr thrown;
      Event done;
    };
    const Executor executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer>(executor);
    // The answer is let go on the task's thread, since its event belongs to that one.
    std::move_only_function<void() noexcept> call =
        [answer, executor, work = std::move(work)]() mutable noexcept {
          try {
            if constexpr (std::is_void_v<Value>) {
              work();
              answer->value.emplace(true);
            } else {
              answer->value.emplace(work());
            }
          } catch (...) {
            answer->thrown = std::current_exception();
          }
          asio::post(executor, [answer = std::move(answer)] { answer->done.set(); });
        };
    submit(std::move(call));
    co_await answer->done.wait();
    if (answer->thrown) std::rethrow_exception(answer->thrown);
    if constexpr (!std::is_void_v<Value>) co_return *std::move(answer->value);
  }

 private:
  struct State;
  void submit(std::move_only_function<void() noexcept> call);
  std::unique_ptr<State> state_;
};

}  // namespace retort::async
