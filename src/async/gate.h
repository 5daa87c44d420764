// Gate: counts who is inside, lets nobody in once it is closed, and tells when the last has left.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "async/event.h"

namespace retort::async {

// All of one thread. A pass may outlive the gate.
class Gate {
 public:
  // Its holder is inside until it is destroyed.
  class Pass {
   public:
    Pass(Pass&&) noexcept = default;
    Pass& operator=(Pass&&) = delete;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass() {
      if (state_ && --state_->inside == 0 && state_->closed) state_->empty.set();
    }

   private:
    friend class Gate;
    struct State {
      explicit State(const Executor& executor) : empty(executor) {}
      std::size_t inside = 0;
      bool closed = false;
      Event empty;
    };
    explicit Pass(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->inside; }
    std::shared_ptr<State> state_;
  };

  explicit Gate(const Executor& executor) : state_(std::make_shared<Pass::State>(executor)) {}

  // Nothing once it is closed.
  [[nodiscard]] std::optional<Pass> enter() {
    if (state_->closed) return std::nullopt;
    return Pass(state_);
  }
  [[nodiscard]] std::size_t inside() const { return state_->inside; }
  [[nodiscard]] bool is_closed() const { return state_->closed; }

  // Lets nobody in from now on, and returns when the last has left. May be called more than once.
  [[nodiscard]] Task<> close() {
    shut();
    return state_->empty.wait();
  }
  // The same without the waiting.
  void shut() {
    state_->closed = true;
    if (state_->inside == 0) state_->empty.set();
  }

 private:
  std::shared_ptr<Pass::State> state_;
};

}  // namespace retort::async
