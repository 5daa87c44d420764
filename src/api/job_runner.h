// Job runner: takes stored jobs to the engine, for each owner in the order of acceptance, and gives
// each its one result, however often the server or its keeper dies under it.
//
// A few of them are in memory; the rest waits in the database. A job is begun when it has its seat,
// so that only what really ran counts as an attempt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/callers.h"
#include "api/job_lanes.h"
#include "api/problem.h"
#include "api/settings.h"
#include "api/storage.h"
#include "api/stored_charges.h"
#include "async/event.h"
#include "async/gate.h"
#include "async/task.h"
#include "job/submission.h"
#include "store/jobs.h"
#include "store/keys.h"

namespace retort::api {

class Engine;
class JobFeeds;
class JobIntake;
class Log;
class Metrics;
class Runs;
class WebhookDelivery;

// One thread.
class JobRunner {
 public:
  // All of it outlives this.
  struct Parts {
    async::Executor executor;
    Engine& engine;
    Storage& storage;
    Metrics& metrics;
    Log& log;
    Runs& runs;
    JobFeeds& feeds;
    JobIntake& intake;
    WebhookDelivery& webhooks;
    Callers& callers;
  };

  JobRunner(const Parts& parts, std::shared_ptr<const Settings> settings);
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // From here on these hold, for jobs that begin.
  void use(std::shared_ptr<const Settings> settings) { settings_ = std::move(settings); }
  // Queues what a dead server left, then runs what is queued and forgets old results, until the
  // end.
  void start();
  // What a job that is about to be stored was charged with.
  [[nodiscard]] StoredCharges::Entry expect(const std::string& id, CpuQuotas::Charge charge) {
    return charges_.put(id, std::move(charge));
  }
  // A job of this owner was stored.
  void added(const std::string& owner) { lanes_.added(owner); }
  // Null when it is not in memory: then it is queued or done.
  [[nodiscard]] std::shared_ptr<StoredJob> find(const std::string& id) const {
    return lanes_.find(id);
  }

  // A job got its result; `stored`: its bytes, where it is newly stored.
  void was_finished(const std::string& id, const std::string& owner, std::uint64_t stored);

  // Begins no more jobs.
  void shut();
  // Ends those that run, without a result: they are queued again.
  void put_back();
  // Returns when the last one has ended, after shut().
  async::Task<> ended();

  // What is stored of a job: {"result": …} or {"problem": …}.
  static std::string outcome_of(std::string_view result);
  static std::string outcome_of(const Problem& problem, const std::string& id);
  // Of a job that was cancelled before it began.
  static std::string cancelled_outcome(const std::string& id, const std::string& runtime);

 private:
  struct Loaded {
    base::Result<store::Job> job;
    std::optional<base::Result<store::Key>> key;
  };
  enum class Next : std::uint8_t { over, again };

  async::Task<> take_jobs();
  async::Task<bool> take_from(std::shared_ptr<JobLanes::Lane> lane);
  [[nodiscard]] bool has_room() const;
  async::Task<> purge();
  async::Task<> purge_once();

  async::Task<> run(JobLanes::Place place);
  async::Task<Next> try_attempt(const JobLanes::Place& place);
  async::Task<Next> attempt(const JobLanes::Place& place);
  async::Task<Loaded> load(const StoredJob& job);
  async::Task<bool> on_seat(std::shared_ptr<StoredJob> job, job::Submission& submission);
  async::Task<> finish(std::shared_ptr<StoredJob> job, std::string outcome);
  async::Task<> queue_again(std::shared_ptr<StoredJob> job, bool counts);
  Caller caller_of(const StoredJob& job, const store::Key* key, const KeyBounds& bounds) const;

  Parts parts_;
  std::shared_ptr<const Settings> settings_;
  JobLanes lanes_;
  StoredCharges charges_;
  async::Gate gate_;
  async::Event is_full_;  // more is stored than may be: results are to go
  bool is_shut_ = false;
};

}  // namespace retort::api
