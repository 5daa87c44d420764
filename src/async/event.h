// Event: something that happens, and that tasks can wait for.
#pragma once

#include <memory>

#include "async/task.h"

namespace retort::async {

// Manual: once set, it lets every wait through until it is reset. All of one thread, callbacks of
// the event loop included. It may be destroyed while tasks wait: they go on as if it were set.
class Event {
 public:
  explicit Event(const Executor& executor);
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { set(); }

  // Lets all go on that wait now, even if it is reset before they do.
  void set();
  void reset();
  [[nodiscard]] bool is_set() const;
  // A task that is cancelled while it waits unwinds, and leaves nothing here.
  [[nodiscard]] Task<> wait() const;

 private:
  struct State;
  static Task<> wait_for(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace retort::async
