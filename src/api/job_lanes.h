// Job lanes: which stored jobs are in memory, and whose turn it is to have one more there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/cancel.h"
#include "api/cpu_quotas.h"
#include "api/job_request.h"
#include "api/problem.h"
#include "async/event.h"
#include "async/task.h"
#include "base/units.h"
#include "store/jobs.h"

namespace retort::api {

// One that is in memory.
struct StoredJob {
  StoredJob(const async::Executor& executor, std::string job_id, std::string job_owner)
      : id(std::move(job_id)), owner(std::move(job_owner)), ended(executor) {}

  std::string id;
  std::string owner;
  std::shared_ptr<Cancel> cancel = std::make_shared<Cancel>();
  async::Event ended;        // it has its result, or is queued again
  bool is_unwanted = false;  // its owner cancelled it
  bool is_put_back = false;  // the server cancelled it, to run it another time
  bool is_begun = false;     // it is `running` in the database
  bool is_retried = false;   // it could not be begun, and is tried again
  bool is_counted = false;   // as an attempt, then
  bool has_cell = false;     // in this attempt a program may have run
  std::int64_t attempt = 0;  // from 1
  std::optional<std::size_t> ahead;
  std::uint64_t bytes = 0;                    // of its request
  std::vector<BlobUse> blobs;                 // to be opened when it begins
  std::shared_ptr<CpuQuotas::Charge> charge;  // for all its attempts
  std::optional<Problem> problem;             // why it did not take place
};

// One thread.
class JobLanes {
  struct State;

 public:
  // Of one owner, kept for good: there are as many as keys.
  struct Lane {
    std::string owner;
    bool has_more = true;  // in the database than here
    std::size_t inside = 0;
    std::size_t most_inside = 1;
  };

  // A job's place in memory, given back when it is destroyed, in whichever way its task ends; then
  // the job has ended, and the next is looked for. It may outlive the lanes.
  class Place {
   public:
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

    [[nodiscard]] const std::shared_ptr<StoredJob>& job() const { return job_; }
    // So many of its owner's jobs may be in memory from here on.
    void widen_lane(std::size_t most_inside) const;

   private:
    friend class JobLanes;
    Place(std::shared_ptr<State> state, std::shared_ptr<Lane> lane, std::shared_ptr<StoredJob> job);
    std::shared_ptr<State> state_;
    std::shared_ptr<Lane> lane_;
    std::shared_ptr<StoredJob> job_;
  };

  explicit JobLanes(const async::Executor& executor);

  // A job of this owner was stored.
  void added(const std::string& owner);
  // In turns: an owner who has more jobs, and room for one. Null: nobody, for now.
  [[nodiscard]] std::shared_ptr<Lane> next();
  [[nodiscard]] Place enter(const std::shared_ptr<Lane>& lane, const store::QueuedJob& queued);

  // Null when it is not in memory: then it is queued or done.
  [[nodiscard]] std::shared_ptr<StoredJob> find(const std::string& id) const;
  [[nodiscard]] std::vector<std::shared_ptr<StoredJob>> all() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] base::ByteSize bytes() const;  // of their requests

  // Set when there may be somebody whose turn it is; whoever waits resets it before it looks.
  [[nodiscard]] async::Event& changed();

 private:
  std::shared_ptr<State> state_;
};

}  // namespace retort::api
