// Count: how much there is of something at one time, by the shares that are held in it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace retort::api {

// One thread. A share may outlive the count: the task that holds it may be the last to go.
class Count {
  struct State {
    std::uint64_t sum = 0;
    std::function<void()> on_given_back;
  };

 public:
  // Given back when it is destroyed, in whichever way its holder ends.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : state_(std::move(other.state_)), amount_(std::exchange(other.amount_, 0)) {}
    Share& operator=(Share&&) = delete;
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() {
      if (!state_) return;
      state_->sum -= amount_;
      if (state_->on_given_back) state_->on_given_back();
    }

    void grow(std::uint64_t amount) {
      state_->sum += amount;
      amount_ += amount;
    }

   private:
    friend class Count;
    explicit Share(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
    std::uint64_t amount_ = 0;
  };

  // `on_given_back` is called when a share has gone.
  explicit Count(std::function<void()> on_given_back = nullptr)
      : state_(std::make_shared<State>(State{.on_given_back = std::move(on_given_back)})) {}

  [[nodiscard]] Share take(std::uint64_t amount) {
    Share share(state_);
    share.grow(amount);
    return share;
  }
  [[nodiscard]] std::uint64_t value() const { return state_->sum; }
  // Nobody has a share, so that it can be forgotten.
  [[nodiscard]] bool is_idle() const { return state_.use_count() == 1; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace retort::api
