// Job runner: takes stored jobs to the engine, for each owner in the order of acceptance, and gives
// each its one result, however often the server or its keeper dies under it.
//
// A few of them are in memory; the rest waits in the database. A job is begun when it has its seat,
// so that only what really ran counts as an attempt.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/callers.h"
#include "api/cancel.h"
#include "api/job_request.h"
#include "api/problem.h"
#include "async/event.h"
#include "async/gate.h"
#include "async/task.h"
#include "job/submission.h"
#include "store/jobs.h"
#include "store/keys.h"

namespace retort::api {

class Service;

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
  bool has_cell = false;     // in this attempt a program may have run
  std::int64_t attempt = 0;  // from 1
  std::optional<std::size_t> ahead;
  std::uint64_t bytes = 0;         // of its request
  std::vector<BlobUse> blobs;      // to be opened when it begins
  std::optional<Problem> problem;  // why it did not take place
};

// One thread.
class JobRunner {
 public:
  // Part of the service, which outlives it.
  explicit JobRunner(Service& service);
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Queues what a dead server left, then runs what is queued and forgets old results, until the
  // end.
  void start();
  // A job of this owner was stored.
  void added(const std::string& owner);
  // Null when it is not in memory: then it is queued or done.
  [[nodiscard]] std::shared_ptr<StoredJob> find(const std::string& id) const;

  // A job that was not in memory got its result.
  void was_finished(const std::string& id);

  // Begins no more jobs.
  void shut();
  // Ends those that run, without a result: they are queued again.
  void put_back();
  // Returns when the last one has ended, after shut().
  async::Task<> ended();

  // What is stored of a job: {"result": …} or {"problem": …}.
  static std::string outcome_of(const text::json::object& result);
  static std::string outcome_of(const Problem& problem, const std::string& id);
  // Of a job that was cancelled before it began.
  static std::string cancelled_outcome(const std::string& id, const std::string& runtime);

 private:
  // Of one owner, kept for good: there are as many as keys.
  struct Lane {
    std::string owner;
    std::int64_t last = 0;  // the place of the last job that was taken from the database
    bool has_more = true;   // behind it
    std::size_t inside = 0;
    std::size_t most_inside = 1;
  };
  struct Loaded {
    base::Result<store::Job> job;
    std::optional<base::Result<store::Key>> key;
  };
  enum class Next : std::uint8_t { over, again };

  async::Task<> take_jobs();
  async::Task<bool> take_from(std::shared_ptr<Lane> lane);
  [[nodiscard]] std::shared_ptr<Lane> next_lane();
  [[nodiscard]] bool has_room() const;
  async::Task<> purge();

  async::Task<> run(std::shared_ptr<StoredJob> job, std::shared_ptr<Lane> lane);
  async::Task<Next> attempt(std::shared_ptr<StoredJob> job, std::shared_ptr<Lane> lane);
  async::Task<Loaded> load(const StoredJob& job);
  async::Task<bool> on_seat(std::shared_ptr<StoredJob> job, job::Submission& submission);
  async::Task<> finish(std::shared_ptr<StoredJob> job, std::string outcome);
  async::Task<> queue_again(std::shared_ptr<StoredJob> job, bool counts);
  Caller caller_of(const StoredJob& job, const store::Key* key, const KeyBounds& bounds) const;

  Service& service_;
  std::map<std::string, std::shared_ptr<Lane>> lanes_;  // by owner
  std::string last_lane_;                               // whose turn it was
  std::map<std::string, std::shared_ptr<StoredJob>> jobs_;
  std::uint64_t bytes_ = 0;
  async::Event changed_;
  async::Gate gate_;
  bool is_shut_ = false;
};

}  // namespace retort::api
