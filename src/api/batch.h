// Batch: the jobs of one request for many, and the lines that its client is still to be sent.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/callers.h"
#include "api/cancel.h"
#include "api/problem.h"
#include "async/event.h"
#include "async/task.h"

namespace retort::api {

// One thread.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(const async::Executor& executor, std::size_t jobs) : changed_(executor), cancels_(jobs) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // One of its jobs while it runs. In whichever way its task ends, its places are given back then,
  // and its client is sent its line.
  class Turn {
   public:
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    [[nodiscard]] const std::shared_ptr<Cancel>& cancel() const { return cancel_; }
    // `result`: JSON.
    void succeed(std::string_view result);
    void fail(const Problem& problem);

   private:
    friend class Batch;
    Turn(std::shared_ptr<Batch> batch, std::size_t index, Callers::JobPass pass);
    std::shared_ptr<Batch> batch_;
    std::size_t index_;
    Callers::JobPass pass_;
    std::shared_ptr<Cancel> cancel_ = std::make_shared<Cancel>();
    std::string line_;  // that our defect is told with, until there is another
  };

  [[nodiscard]] Turn begin(std::size_t index, Callers::JobPass pass);

  // Its client has left: all of it is cancelled, and nothing more is told.
  void leave();
  [[nodiscard]] bool is_left() const { return is_left_; }

  [[nodiscard]] std::size_t running() const { return running_; }
  // Of jobs that have ended.
  [[nodiscard]] std::size_t lines() const { return lines_.size(); }
  [[nodiscard]] std::string take_lines();

  // Set when something has ended; whoever waits resets it before it looks.
  [[nodiscard]] async::Event& changed() { return changed_; }

 private:
  async::Event changed_;
  std::vector<std::shared_ptr<Cancel>> cancels_;  // by job; null: it does not run
  std::deque<std::string> lines_;
  std::size_t running_ = 0;
  bool is_left_ = false;
};

}  // namespace retort::api
