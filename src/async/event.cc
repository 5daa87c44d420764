// Event: a timer that never fires; cancelling it wakes who waits for it.
#include "async/event.h"

#include <cstdint>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace retort::async {

struct Event::State {
  explicit State(const Executor& executor)
      : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;
  bool is_set = false;
  std::uint64_t times_set = 0;
};

Event::Event(const Executor& executor) : state_(std::make_shared<State>(executor)) {}

void Event::set() {
  if (state_->is_set) return;
  state_->is_set = true;
  ++state_->times_set;
  state_->timer.cancel();
}

void Event::reset() {
  state_->is_set = false;
}

bool Event::is_set() const {
  return state_->is_set;
}

Task<> Event::wait() const {
  return wait_for(state_);
}

// A cancelled task leaves the loop by what the next co_await throws.
Task<> Event::wait_for(std::shared_ptr<State> state) {
  const std::uint64_t before = state->times_set;
  while (!state->is_set && state->times_set == before)
    (void)co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace retort::async
