// Job feed: what happens to a stored job, told to those who follow it while it happens.
//
// Nothing is kept for jobs that nobody follows, and for the others only the last events: a follower
// that is too slow is left behind, and learns the state when it asks again. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/event.h"
#include "async/task.h"
#include "text/json.h"

namespace retort::api {

class JobFeed {
 public:
  // Where one follower is.
  struct Follower {
    explicit Follower(const async::Executor& executor) : woken(executor) {}
    async::Event woken;  // set when there is something new; the follower resets it
    std::uint64_t next = 0;
  };

  // `token` is part of every event's id, so that ids of another time are not taken for ours.
  JobFeed(async::Executor executor, std::string token)
      : executor_(std::move(executor)), token_(std::move(token)) {}

  // From the event behind `last_event_id` on, when it is still known; else from the next.
  std::shared_ptr<Follower> follow(std::string_view last_event_id);
  // Was that event the follower's last one, and nothing lost since?
  [[nodiscard]] bool knows(std::string_view last_event_id) const;

  // {"NAME": body}. One "queued" replaces the one before it.
  void publish(std::string_view name, const text::json::value& body);
  // The job is done, or the server stops: followers look for themselves.
  void end();
  [[nodiscard]] bool is_ended() const { return is_ended_; }

  // What is new for this follower, as text/event-stream, at most about kMostTaken bytes; "" when
  // there is nothing. Nothing at all when it was left behind.
  std::optional<std::string> take(Follower& follower) const;
  // One event of no number, for what a follower is told first.
  static std::string event(std::string_view name, const text::json::value& body);

  static constexpr std::size_t kMostTaken = 256U << 10U;
  static constexpr std::size_t kMostEvents = 256;
  static constexpr std::size_t kMostBytes = 4U << 20U;

 private:
  struct Item {
    std::uint64_t number = 0;
    bool is_queued = false;
    std::string text;
  };

  [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view id) const;
  void wake();

  async::Executor executor_;
  std::string token_;
  std::deque<Item> items_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t lost_below_ = 1;  // events before this one are gone
  bool is_ended_ = false;
  std::vector<std::weak_ptr<Follower>> followers_;
};

// The feeds of all jobs that are followed.
class JobFeeds {
 public:
  explicit JobFeeds(async::Executor executor) : executor_(std::move(executor)) {}

  // Of a job that is going to be followed; it lives as long as somebody has it.
  std::shared_ptr<JobFeed> open(const std::string& id);
  // Null when nobody follows that job.
  [[nodiscard]] std::shared_ptr<JobFeed> find(const std::string& id) const;
  // Ends all.
  void end();
  [[nodiscard]] bool is_ended() const { return is_ended_; }

 private:
  async::Executor executor_;
  std::map<std::string, std::weak_ptr<JobFeed>> feeds_;
  std::size_t pruned_at_ = 64;
  bool is_ended_ = false;
};

}  // namespace retort::api
