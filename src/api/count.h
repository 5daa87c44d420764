// Count: how much there is of something at one time, by the shares that are held in it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace retort::api {

// One thread. A share may outlive the count: the task that holds it may be the last to go.
class Count {
 public:
  // Given back when it is destroyed, in whichever way its holder ends.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : sum_(std::move(other.sum_)), amount_(std::exchange(other.amount_, 0)) {}
    Share& operator=(Share&&) = delete;
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() {
      if (sum_) *sum_ -= amount_;
    }

    void grow(std::uint64_t amount) {
      *sum_ += amount;
      amount_ += amount;
    }

   private:
    friend class Count;
    explicit Share(std::shared_ptr<std::uint64_t> sum) : sum_(std::move(sum)) {}
    std::shared_ptr<std::uint64_t> sum_;
    std::uint64_t amount_ = 0;
  };

  [[nodiscard]] Share take(std::uint64_t amount) {
    Share share(sum_);
    share.grow(amount);
    return share;
  }
  [[nodiscard]] std::uint64_t value() const { return *sum_; }
  // Nobody has a share, so that it can be forgotten.
  [[nodiscard]] bool is_idle() const { return sum_.use_count() == 1; }

 private:
  std::shared_ptr<std::uint64_t> sum_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace retort::api
