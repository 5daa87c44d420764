// Job runner: one task takes jobs from the database, and one for each runs it.
#include "api/job_runner.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "api/engine.h"
#include "api/job_feed.h"
#include "api/job_intake.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/runs.h"
#include "api/webhook_delivery.h"
#include "async/deadline.h"
#include "job/report.h"

namespace retort::api {

using async::Task;
using base::Duration;
using base::Fault;
using base::Result;
using store::JobState;
namespace json = text::json;

namespace {

// Beyond those that have a seat: who is next is parsed already.
constexpr std::size_t kReady = 2;
constexpr std::size_t kMostInMemory = 512;
constexpr Duration kPause = std::chrono::seconds(1);
constexpr Duration kShortestPurge = std::chrono::seconds(1);
constexpr Duration kLongestPurge = std::chrono::minutes(1);

bool is_unread(const Result<store::Key>& key) {
  return !key && key.error().fault != Fault::not_found;
}

// Of a key that was read, or is not there.
std::optional<Problem> problem_of(const Result<store::Key>& key, std::int64_t now_us) {
  Problem problem{.code = ProblemCode::unauthorized, .detail = {}};
  if (!key) {
    problem.detail = "the key that sent this job is no more";
    return problem;
  }
  if (key->revoked_us) {
    problem.detail = "the key that sent this job was revoked before it ran";
    return problem;
  }
  if (key->expires_us && *key->expires_us <= now_us) {
    problem.detail = "the key that sent this job expired before it ran";
    return problem;
  }
  return std::nullopt;
}

// Of what ends without a run; of what runs the engine tells.
void tell_refusal(Log& log, const StoredJob& job, const Problem& problem) {
  log.info("job did not take place",
           {{"job", job.id},
            {"kind", "stored"},
            {"code", info_of(problem.code).name},
            {"key", job.owner}});
}

}  // namespace

JobRunner::JobRunner(const Parts& parts, std::shared_ptr<const Settings> settings)
    : parts_(parts),
      settings_(std::move(settings)),
      lanes_(parts_.executor),
      gate_(parts_.executor),
      is_full_(parts_.executor) {}

std::string JobRunner::outcome_of(std::string_view result) {
  return std::string("{\"result\":").append(result).append("}");
}

std::string JobRunner::outcome_of(const Problem& problem, const std::string& id) {
  Problem own = problem;
  own.instance = "/v1/jobs/" + id;
  own.retry_after_s.reset();
  return "{\"problem\":" + text::compact(to_json(own)) + "}";
}

std::string JobRunner::cancelled_outcome(const std::string& id, const std::string& runtime) {
  job::JobResult result;
  result.outcome = cell::Outcome::cancelled;
  result.message = "cancelled before it began";
  json::object record = job::to_json(result, runtime, {});
  record["id"] = id;
  return outcome_of(text::compact(record));
}

void JobRunner::start() {
  async::spawn(parts_.executor, take_jobs());
  async::spawn(parts_.executor, purge());
}

void JobRunner::shut() {
  is_shut_ = true;
  lanes_.changed().set();
  for (const auto& job : lanes_.all()) {
    if (job->is_begun) continue;
    job->is_put_back = true;
    job->cancel->cancel();
  }
}

void JobRunner::put_back() {
  for (const auto& job : lanes_.all()) {
    job->is_put_back = true;
    job->cancel->cancel();
  }
}

Task<> JobRunner::ended() {
  return gate_.close();
}

// ---- From the database into memory. ----

bool JobRunner::has_room() const {
  if (lanes_.size() == 0) return true;
  const base::ByteSize most = settings_->queue.bytes;
  return lanes_.size() < kMostInMemory && lanes_.bytes().bytes() < most.bytes() / 2;
}

Task<> JobRunner::take_jobs() {
  const auto pass = gate_.enter();
  if (!pass) co_return;
  while (!is_shut_) {
    auto recover = [](Storage::Stores& stores) { return stores.jobs.recover(); };
    auto owners = co_await parts_.storage.run(std::move(recover));
    if (owners) {
      for (const std::string& owner : *owners) added(owner);
      break;
    }
    parts_.log.error("stored jobs cannot be read", {{"error", owners.error()}});
    co_await async::sleep_for(kPause);
  }
  while (!is_shut_) {
    lanes_.changed().reset();
    auto lane = has_room() ? lanes_.next() : nullptr;
    if (!lane) {
      co_await lanes_.changed().wait();
      continue;
    }
    const auto is_read = co_await async::caught(take_from(lane));
    if (!is_read) lane->has_more = true;
    if (!is_read || !*is_read) co_await async::sleep_for(kPause);
  }
}

Task<bool> JobRunner::take_from(std::shared_ptr<JobLanes::Lane> lane) {
  lane->has_more = false;
  // Those that are in memory already may be among them, whoever goes before them now.
  const std::size_t most =
      lane->inside + std::min(lane->most_inside - lane->inside, kMostInMemory - lanes_.size());
  auto work = [owner = lane->owner, most](Storage::Stores& stores) {
    return stores.jobs.queued(owner, static_cast<std::int64_t>(most));
  };
  auto queued = co_await parts_.storage.run(std::move(work));
  if (!queued) {
    parts_.log.error("stored jobs cannot be read", {{"error", queued.error()}});
    lane->has_more = true;
    co_return false;
  }
  if (queued->size() == most) lane->has_more = true;
  for (const store::QueuedJob& next : *queued) {
    if (is_shut_) break;
    if (lanes_.find(next.id)) continue;
    if (!has_room() || lane->inside >= lane->most_inside) {
      lane->has_more = true;
      break;
    }
    async::spawn(parts_.executor, run(lanes_.enter(lane, next)));
  }
  co_return true;
}

// ---- One job. ----

Task<> JobRunner::run(JobLanes::Place place) {
  const auto pass = gate_.enter();
  if (!pass) co_return;
  while (co_await try_attempt(place) == Next::again && !is_shut_) co_await async::sleep_for(kPause);
}

Task<JobRunner::Next> JobRunner::try_attempt(const JobLanes::Place& place) {
  const auto next = co_await async::caught(attempt(place));
  if (next) co_return *next;
  const std::shared_ptr<StoredJob>& job = place.job();
  parts_.log.error("a stored job ended by an exception",
                   {{"job", job->id}, {"error", next.error()}});
  if (next.error().fault == Fault::exhausted) {  // of memory: another time
    (void)co_await async::caught(queue_again(job, job->has_cell));
    co_return Next::again;
  }
  // One result, whatever happens.
  std::string outcome = outcome_of(internal_problem(), job->id);
  (void)co_await async::caught(finish(job, std::move(outcome)));
  co_return Next::over;
}

Task<JobRunner::Loaded> JobRunner::load(const StoredJob& job) {
  auto work = [id = job.id, owner = job.owner](Storage::Stores& stores) {
    Loaded loaded{.job = stores.jobs.get(id), .key = {}};
    if (!owner.empty()) loaded.key = stores.keys.get(owner);
    return loaded;
  };
  return parts_.storage.run(std::move(work));
}

Caller JobRunner::caller_of(const StoredJob& job,
                            const store::Key* key,
                            const KeyBounds& bounds) const {
  const Settings& settings = *settings_;
  Caller caller;
  caller.key_id = job.owner;
  caller.owner = job.owner;
  if (key == nullptr) {
    caller.turn = "stored";
    caller.most_parallel = settings.rate_anonymous.parallel;
    return caller;
  }
  caller.turn = "key " + job.owner;
  caller.bounds = bounds;
  caller.bounds.largest_priority = key->priority_max;
  caller.most_parallel = settings.rate_key.parallel;
  if (key->concurrency) caller.most_parallel = static_cast<std::uint64_t>(*key->concurrency);
  return caller;
}

Task<JobRunner::Next> JobRunner::attempt(const JobLanes::Place& place) {
  const std::shared_ptr<StoredJob>& job = place.job();
  const auto settings = settings_;
  job->has_cell = false;
  const Loaded loaded = co_await load(*job);
  if (is_shut_) co_return Next::over;
  if (!loaded.job) {
    if (loaded.job.error().fault == Fault::not_found) co_return Next::over;
    parts_.log.error("a stored job cannot be read",
                     {{"job", job->id}, {"error", loaded.job.error()}});
    co_return Next::again;
  }
  if (loaded.job->state != JobState::queued) co_return Next::over;
  if (loaded.key && is_unread(*loaded.key)) {
    parts_.log.error("the key of a stored job cannot be read",
                     {{"job", job->id}, {"error", loaded.key->error()}});
    co_return Next::again;
  }
  if (static_cast<std::uint64_t>(loaded.job->attempts) >= settings->async.attempts) {
    Problem problem{.code = ProblemCode::internal_error,
                    .detail = "given up after " + std::to_string(loaded.job->attempts) +
                              " attempts: the server or its keeper did not outlive them, or "
                              "this host could not begin them"};
    parts_.log.error("a stored job is given up", {{"job", job->id}});
    std::string outcome = outcome_of(problem, job->id);
    co_await finish(job, std::move(outcome));
    co_return Next::over;
  }
  std::optional<Problem> problem;
  KeyBounds bounds;
  const store::Key* key = nullptr;
  if (loaded.key) {
    problem = problem_of(*loaded.key, utc_now_us());
    if (!problem) {
      key = &**loaded.key;
      auto parsed = parse_key_bounds(key->bounds_json);
      if (parsed)
        bounds = *std::move(parsed);
      else
        problem = internal_problem();
    }
  }
  const Caller caller = caller_of(*job, key, bounds);
  const std::size_t seats = parts_.engine.capacity().seats;
  place.widen_lane(static_cast<std::size_t>(
                       std::min<std::uint64_t>(seats, caller.most_parallel.value_or(seats))) +
                   kReady);

  Order order;
  std::string runtime;
  if (!problem) {
    auto body = text::parse_json(loaded.job->request);
    if (body && body->is_object()) {
      // It was accepted; whether calls are switched off meanwhile is not the job's concern.
      body->get_object().erase("webhook");
      auto request = parts_.runs.parse(*body, caller, JobForm::stored);
      if (request) {
        runtime = request->runtime_id;
        job->blobs = std::move(request->blobs);
        if (!job->charge) job->charge = charges_.take(job->id);
        if (!job->charge) {
          const Duration ceiling = job::cpu_ceiling_of(request->submission);
          job->charge =
              std::make_shared<CpuQuotas::Charge>(parts_.callers.charge_again(caller, ceiling));
        }
        order = parts_.runs.order_of(*std::move(request), caller);
      } else {
        problem = problem_of(std::move(request).error());
      }
    } else {
      problem = internal_problem();
    }
  }
  if (problem) {
    tell_refusal(parts_.log, *job, *problem);
    std::string outcome = outcome_of(*problem, job->id);
    co_await finish(job, std::move(outcome));
    co_return Next::over;
  }

  order.id = job->id;
  order.kind = "stored";
  order.longest_wait = Duration::max();
  order.waits_for_room = true;
  order.on_moved = [this, job](std::size_t ahead) {
    job->ahead = ahead;
    const auto feed = parts_.feeds.find(job->id);
    if (feed) feed->publish("queued", json::object{{"ahead", ahead}});
  };
  order.on_seat = [this, job](Order& seated) { return on_seat(job, seated.submission); };
  order.on_started = [this, job](const std::shared_ptr<job::Job>&) {
    job->has_cell = true;
    const auto feed = parts_.feeds.find(job->id);
    if (feed) feed->publish("started", json::object{{"attempt", job->attempt}});
  };
  order.submission.on_stage = [this, job](const job::StageResult& stage) {
    const auto feed = parts_.feeds.find(job->id);
    if (feed) feed->publish("stage", job::to_json(stage));
  };
  order.submission.on_test = [this, job](std::size_t index, const job::TestResult& test) {
    const auto feed = parts_.feeds.find(job->id);
    if (feed) feed->publish("test", json::object{{"index", index}, {"test", job::to_json(test)}});
  };
  if (job->is_put_back) co_return Next::over;
  order.charge = job->charge;
  auto result = co_await parts_.engine.run(std::move(order), job->cancel);
  job->ahead.reset();

  if (job->problem) {
    tell_refusal(parts_.log, *job, *job->problem);
    std::string outcome = outcome_of(*job->problem, job->id);
    co_await finish(job, std::move(outcome));
    co_return Next::over;
  }
  if (!result) {
    const ProblemCode code = result.error().code;
    // The keeper died, or nothing can be had of the host: another time. What had no cell is not to
    // blame.
    if (code == ProblemCode::unavailable && !job->is_unwanted) {
      co_await queue_again(job, job->has_cell);
      co_return Next::again;
    }
    std::string outcome = job->is_unwanted ? cancelled_outcome(job->id, runtime)
                                           : outcome_of(result.error(), job->id);
    co_await finish(job, std::move(outcome));
    co_return Next::over;
  }
  if (std::exchange(job->is_retried, false) && !job->is_unwanted) {
    // Where it was begun already it is `running`, and would be nobody's.
    const bool counts = std::exchange(job->is_counted, false);
    co_await queue_again(job, counts);
    co_return Next::again;
  }
  if (result->outcome == cell::Outcome::cancelled && !job->is_unwanted) {
    // Not its owner's doing: it runs another time.
    if (job->is_begun) co_await queue_again(job, false);
    co_return Next::over;
  }
  if (result->outcome == cell::Outcome::internal_error && !job->is_unwanted &&
      static_cast<std::uint64_t>(job->attempt) < settings->async.attempts) {
    // A cell was lost, or failed us in another way: no program's doing.
    parts_.log.error("a stored job is run again", {{"job", job->id}, {"error", result->message}});
    co_await queue_again(job, true);
    co_return Next::again;
  }
  const std::string text = co_await parts_.runs.text_of(*std::move(result), runtime, job->id);
  std::string outcome = outcome_of(text);
  co_await finish(job, std::move(outcome));
  co_return Next::over;
}

// It has its seat: from here on it is running, whatever becomes of us.
Task<bool> JobRunner::on_seat(std::shared_ptr<StoredJob> job, job::Submission& submission) {
  if (is_shut_) co_return false;
  struct Begun {
    Result<std::int64_t> attempt;
    std::optional<Problem> problem;
  };
  auto work = [id = job->id, owner = job->owner, now = utc_now_us()](Storage::Stores& stores) {
    Begun begun{.attempt = base::Error{Fault::busy, "", 0}, .problem = {}};
    if (!owner.empty()) {
      auto key = stores.keys.get(owner);
      if (is_unread(key)) {
        begun.attempt = std::move(key).error();
        return begun;
      }
      begun.problem = problem_of(key, now);
    }
    if (!begun.problem) begun.attempt = stores.jobs.begin(id, now);
    return begun;
  };
  job->is_begun = true;  // as soon as it may be
  Begun begun = co_await parts_.storage.run(std::move(work));
  if (begun.problem) {
    job->is_begun = false;
    job->problem = std::move(begun.problem);
    co_return false;
  }
  if (!begun.attempt) {
    job->is_begun = false;
    const base::Error& error = begun.attempt.error();
    if (error.fault == Fault::not_found) co_return false;  // cancelled meanwhile, and forgotten
    // Busy is the job, which has its result already.
    const LogLevel level = error.fault == Fault::busy ? LogLevel::info : LogLevel::error;
    parts_.log.write(level, "a stored job cannot be begun", {{"job", job->id}, {"error", error}});
    job->is_retried = true;
    co_return false;
  }
  job->attempt = *begun.attempt;
  auto problem = co_await parts_.runs.open_blobs(submission, job->blobs, job->owner);
  if (!problem) co_return true;
  // The host's trouble is for another attempt. What may pass by itself, a lack of room or of
  // descriptors, does not count; a damaged blob stays damaged, and is tried only so often.
  const bool may_pass =
      problem->code == ProblemCode::unavailable || problem->code == ProblemCode::storage_full;
  if (may_pass || problem->code == ProblemCode::internal_error) {
    job->is_retried = true;
    job->is_counted = !may_pass;
    co_return false;
  }
  job->problem = std::move(problem);
  co_return false;
}

// Until it is written: what was run is not run again because the disk was full for a while.
Task<> JobRunner::finish(std::shared_ptr<StoredJob> job, std::string outcome) {
  auto text = std::make_shared<const std::string>(std::move(outcome));
  bool is_new = false;
  while (true) {
    auto work = [id = job->id, text, now = utc_now_us()](Storage::Stores& stores) {
      return stores.jobs.finish(id, *text, now);
    };
    auto finished = co_await parts_.storage.run(std::move(work));
    if (!finished && finished.error().fault == Fault::invalid) {
      text = std::make_shared<const std::string>(outcome_of(internal_problem(), job->id));
      continue;
    }
    is_new = finished && *finished;
    if (finished || finished.error().fault == Fault::not_found) break;
    parts_.log.error("a result cannot be stored", {{"job", job->id}, {"error", finished.error()}});
    // The next server runs it again.
    if (is_shut_) co_return;
    co_await async::sleep_for(kPause);
  }
  was_finished(job->id, job->owner, is_new ? text->size() : 0);
}

void JobRunner::was_finished(const std::string& id,
                             const std::string& owner,
                             std::uint64_t stored) {
  if (stored > 0) parts_.intake.grew(owner, stored);
  if (parts_.intake.bytes() > settings_->async.bytes.bytes()) is_full_.set();
  (void)charges_.take(id);
  if (const auto feed = parts_.feeds.find(id)) feed->end();
  parts_.webhooks.wake();
}

Task<> JobRunner::queue_again(std::shared_ptr<StoredJob> job, bool counts) {
  if (!std::exchange(job->is_begun, false)) co_return;
  auto work = [id = job->id, counts](Storage::Stores& stores) {
    return counts ? stores.jobs.retry(id) : stores.jobs.put_back(id);
  };
  while (true) {
    auto done = co_await parts_.storage.run(work);
    if (done) co_return;
    parts_.log.error("a job cannot be queued again", {{"job", job->id}, {"error", done.error()}});
    // At its start the next server does it.
    if (is_shut_) co_return;
    co_await async::sleep_for(kPause);
  }
}

// ---- Old results. ----

Task<> JobRunner::purge() {
  while (!is_shut_) {
    is_full_.reset();
    (void)co_await async::caught(purge_once());
    const Duration keep = settings_->async.keep_results;
    const Duration pause = std::clamp(keep / 10, kShortestPurge, kLongestPurge);
    co_await async::sleep_for(kShortestPurge);
    auto full = is_full_.wait();
    (void)co_await async::within(pause - kShortestPurge, std::move(full));
  }
}

Task<> JobRunner::purge_once() {
  const auto settings = settings_;
  // A result waits for its call, and would do so for ever where nobody is called.
  auto work = [before = utc_now_us() - settings->async.keep_results.count(),
               most = settings->async.most_stored,
               bytes = settings->async.bytes,
               is_calling =
                   parts_.webhooks.is_calling()](Storage::Stores& stores) -> Result<std::int64_t> {
    std::int64_t given_up = 0;
    if (!is_calling) {
      RETORT_TRY(given_up, stores.webhooks.give_up_old(before, "this server calls nobody"));
    }
    RETORT_CHECK(stores.jobs.purge(before));
    RETORT_CHECK(stores.jobs.purge_to(static_cast<std::int64_t>(most),
                                      static_cast<std::int64_t>(bytes.bytes())));
    return given_up;
  };
  const auto given_up = co_await parts_.storage.run(std::move(work));
  if (!given_up) {
    parts_.log.error("old results cannot be removed", {{"error", given_up.error()}});
  } else if (*given_up > 0) {
    for (std::int64_t i = 0; i < *given_up; ++i) parts_.metrics.webhook_failed();
    parts_.log.info("webhooks are given up: this server calls nobody", {{"webhooks", *given_up}});
  }
  const auto counted = co_await parts_.intake.refresh();
  if (counted) parts_.metrics.jobs_stored_are(parts_.intake.stored());
}

}  // namespace retort::api
