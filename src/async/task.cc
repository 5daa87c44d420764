// Task: spawning, and the end of what leaves a task.
#include "async/task.h"

#include <cstdio>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

namespace retort::async {

namespace {

void tell(const std::exception_ptr& problem) {
  if (!problem) return;
  try {
    std::rethrow_exception(problem);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;  // cancelled, which is an end
    std::fprintf(stderr, "retort: a task ended by an exception: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "retort: a task ended by an exception: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "retort: a task ended by an exception of no known type\n");
  }
}

}  // namespace

void spawn(const Executor& executor, Task<> task) {
  asio::co_spawn(
      executor, std::move(task), [](const std::exception_ptr& problem) { tell(problem); });
}

}  // namespace retort::async
