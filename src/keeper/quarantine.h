// Quarantine: groups of dead cells that the kernel still holds, until it lets them go.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "kernel/cgroup.h"
#include "kernel/event_loop.h"

namespace retort::keeper {

class Quarantine {
 public:
  static base::Result<std::unique_ptr<Quarantine>> create(kernel::EventLoop& loop);
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;
  // What is still held then is for Groups::sweep.
  ~Quarantine();

  // Asks `group` to be removed after a millisecond, and again after twice the time that it waited
  // before, up to a second; then calls `gone`. For a group that was just asked and was busy.
  void hold(std::unique_ptr<kernel::Group> group, std::function<void()> gone);
  [[nodiscard]] std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::unique_ptr<kernel::Group> group;
    std::function<void()> gone;
    base::Duration wait;
    base::Duration due;  // by the monotonic clock
  };

  Quarantine(kernel::EventLoop& loop, kernel::Timer timer)
      : loop_(loop), timer_(std::move(timer)) {}
  void on_timer();
  void arm();

  kernel::EventLoop& loop_;
  kernel::Timer timer_;
  std::vector<Held> held_;
};

}  // namespace retort::keeper
