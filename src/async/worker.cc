// Worker: a thread and a queue.
#include "async/worker.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace retort::async {

struct Worker::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::move_only_function<void() noexcept>> queue;
  bool ending = false;
  std::thread thread;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      auto call = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      call();
      call = nullptr;  // with what it captured, outside the lock
      lock.lock();
    }
  }
};

Worker::Worker() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->work(); });
}

Worker::~Worker() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void Worker::submit(std::move_only_function<void() noexcept> call) {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->queue.push_back(std::move(call));
  }
  state_->changed.notify_one();
}

}  // namespace retort::async
