// Cancel: how those who wait for a job no longer want it, told to whoever works on it.
#pragma once

#include <functional>
#include <utility>

namespace retort::api {

// One thread. Cancelled once, for good.
class Cancel {
 public:
  void cancel() {
    if (std::exchange(is_cancelled_, true)) return;
    if (on_cancel_) std::exchange(on_cancel_, nullptr)();
  }
  [[nodiscard]] bool is_cancelled() const { return is_cancelled_; }
  // Instead of what was to be called before; at once when it is cancelled already.
  void on_cancel(std::function<void()> callback) {
    on_cancel_ = std::move(callback);
    if (is_cancelled_ && on_cancel_) std::exchange(on_cancel_, nullptr)();
  }

 private:
  bool is_cancelled_ = false;
  std::function<void()> on_cancel_;
};

}  // namespace retort::api
