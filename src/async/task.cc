// Task: spawning, and the end of what leaves a task.
#include "async/task.h"

#include <cstdio>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include "base/bytes.h"

namespace retort::async {

namespace {

// One for the program, as stderr is: spawn is called in places that know of no log.
TellDefect& teller() {
  static TellDefect the_teller;
  return the_teller;
}

void tell(const char* what) {
  if (teller()) return teller()(what);
  std::fprintf(stderr, "retort: a task ended by an exception: %s\n", base::printable(what).c_str());
}

void tell(const std::exception_ptr& problem) {
  if (!problem) return;
  try {
    std::rethrow_exception(problem);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;  // cancelled, which is an end
    tell(error.what());
  } catch (const std::exception& error) {
    tell(error.what());
  } catch (...) {
    tell("of no known type");
  }
}

}  // namespace

TellDefect tell_defects_to(TellDefect tell) {
  return std::exchange(teller(), std::move(tell));
}

void spawn(const Executor& executor, Task<> task) {
  asio::co_spawn(
      executor, std::move(task), [](const std::exception_ptr& problem) { tell(problem); });
}

}  // namespace retort::async
