// Jobs: the SQL behind them. Each change of state names the state that it leaves, so that of two
// one happens.
#include "store/jobs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bytes.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::int64_t kQueued = std::to_underlying(JobState::queued);
constexpr std::int64_t kRunning = std::to_underlying(JobState::running);
constexpr std::int64_t kDone = std::to_underlying(JobState::done);

// The columns that read_summary reads, in its order.
#define RETORT_JOB_SUMMARY                                                         \
  "id, owner, state, attempts, created_us, started_us, finished_us, webhook_url, " \
  "webhook_state, webhook_attempts, webhook_error"
constexpr int kSummaryColumns = 11;

void read_summary(const Statement& row, JobSummary& job) {
  job.id = row.text(0);
  job.owner = row.text(1);
  job.state = static_cast<JobState>(row.integer(2));
  job.attempts = row.integer(3);
  job.created_us = row.integer(4);
  job.started_us = row.maybe_integer(5);
  job.finished_us = row.maybe_integer(6);
  job.webhook_url = row.text(7);
  job.webhook_state = static_cast<WebhookState>(row.integer(8));
  job.webhook_attempts = row.integer(9);
  job.webhook_error = row.text(10);
}

std::optional<std::string_view> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

Error no_such_job(std::string_view id) {
  return Error{Fault::not_found, "there is no job '" + base::printable(id) + "'", 0};
}

std::int64_t size_of(std::string_view text) {
  return static_cast<std::int64_t>(text.size());
}

}  // namespace

std::string_view to_text(JobState state) {
  switch (state) {
    case JobState::queued:
      return "queued";
    case JobState::running:
      return "running";
    case JobState::done:
      return "done";
  }
  return "unknown";
}

std::string_view to_text(WebhookState state) {
  switch (state) {
    case WebhookState::none:
      return "none";
    case WebhookState::pending:
      return "pending";
    case WebhookState::delivered:
      return "delivered";
    case WebhookState::given_up:
      return "given_up";
  }
  return "unknown";
}

Result<Inserted> Jobs::insert(const NewJob& job, std::int64_t now_us) {
  return std::move(insert(std::span(&job, 1), now_us).front());
}

std::vector<Result<Inserted>> Jobs::insert(std::span<const NewJob> jobs, std::int64_t now_us) {
  std::vector<Result<Inserted>> answers;
  answers.reserve(jobs.size());
  const auto insert_all = [&]() -> Status {
    RETORT_TRY(Transaction transaction, Transaction::begin(database_));
    for (const NewJob& job : jobs) {
      auto answer = insert_one(job, now_us);
      // A key that was used for another request is that job's answer; any other error, everyone's.
      if (!answer && answer.error().fault != Fault::busy) return answer.error();
      answers.push_back(std::move(answer));
    }
    return transaction.commit();
  };
  if (const Status done = insert_all(); !done) {
    answers.assign(jobs.size(), Result<Inserted>(done.error()));
  }
  return answers;
}

Result<Inserted> Jobs::insert_one(const NewJob& job, std::int64_t now_us) {
  if (!job.idempotency_key.empty()) {
    RETORT_TRY(const auto earlier, find(job.owner, job.idempotency_key, job.request_digest));
    if (earlier) return Inserted{.id = *earlier, .existed = true};
  }
  RETORT_CHECK(database_.run(
      "INSERT INTO job (id, owner, idempotency_key, request_digest, created_us, bytes, "
      "webhook_url, request, turn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      job.id,
      job.owner,
      unless_empty(job.idempotency_key),
      job.request_digest,
      now_us,
      size_of(job.request),
      unless_empty(job.webhook_url),
      job.request,
      -std::int64_t{job.priority}));
  return Inserted{.id = job.id, .existed = false};
}

Result<std::int64_t> Jobs::begin(std::string_view id, std::int64_t now_us) {
  RETORT_TRY(Statement begun,
             database_.prepare("UPDATE job SET state = ?1, attempts = attempts + 1, "
                               "started_us = ?2 WHERE id = ?3 AND state = ?4 RETURNING attempts",
                               kRunning,
                               now_us,
                               id,
                               kQueued));
  RETORT_TRY(const bool was_queued, begun.step());
  if (was_queued) {
    const std::int64_t attempt = begun.integer(0);
    RETORT_CHECK(begun.step());  // to its end, which is the commit
    return attempt;
  }
  RETORT_TRY(Statement present, database_.prepare("SELECT state FROM job WHERE id = ?1", id));
  RETORT_TRY(const bool is_there, present.step());
  if (!is_there) return no_such_job(id);
  return Error{Fault::busy,
               "job '" + base::printable(id) + "' is " +
                   std::string(to_text(static_cast<JobState>(present.integer(0)))) + " already",
               0};
}

Result<bool> Jobs::finish(std::string_view id, std::string_view result, std::int64_t now_us) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE job SET state = ?1, finished_us = ?2, result = ?3, "
                           "bytes = bytes + ?4, "
                           "webhook_state = iif(webhook_url IS NULL, webhook_state, ?5), "
                           "webhook_due_us = iif(webhook_url IS NULL, NULL, ?2) "
                           "WHERE id = ?6 AND state <> ?1",
                           kDone,
                           now_us,
                           result,
                           size_of(result),
                           static_cast<std::int64_t>(std::to_underlying(WebhookState::pending)),
                           id));
  if (changed == 1) return true;
  RETORT_TRY(Statement present, database_.prepare("SELECT 1 FROM job WHERE id = ?1", id));
  RETORT_TRY(const bool is_there, present.step());
  if (!is_there) return no_such_job(id);
  return false;
}

Result<Job> Jobs::get(std::string_view id) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT " RETORT_JOB_SUMMARY
                               ", idempotency_key, request_digest, request, result "
                               "FROM job WHERE id = ?1",
                               id));
  RETORT_TRY(const bool is_there, row.step());
  if (!is_there) return no_such_job(id);
  Job job;
  read_summary(row, job);
  job.idempotency_key = row.text(kSummaryColumns);
  job.request_digest = row.text(kSummaryColumns + 1);
  job.request = row.text(kSummaryColumns + 2);
  job.result = row.text(kSummaryColumns + 3);
  return job;
}

Result<Job> Jobs::look_up(std::string_view owner, std::string_view id) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT " RETORT_JOB_SUMMARY
                               ", result FROM job WHERE id = ?1 AND owner = ?2",
                               id,
                               owner));
  RETORT_TRY(const bool is_there, row.step());
  if (!is_there) return no_such_job(id);
  Job job;
  read_summary(row, job);
  job.result = row.text(kSummaryColumns);
  return job;
}

Result<std::optional<std::string>> Jobs::find(std::string_view owner,
                                              std::string_view idempotency_key,
                                              std::string_view request_digest) {
  RETORT_TRY(Statement earlier,
             database_.prepare("SELECT id, request_digest FROM job "
                               "WHERE owner = ?1 AND idempotency_key = ?2",
                               owner,
                               idempotency_key));
  RETORT_TRY(const bool is_there, earlier.step());
  if (!is_there) return std::optional<std::string>();
  if (earlier.text(1) != request_digest) {
    return Error{Fault::busy,
                 "idempotency key '" + base::printable(idempotency_key) +
                     "' was used for another request; take a new one",
                 0};
  }
  return std::optional(earlier.text(0));
}

Result<std::vector<std::string>> Jobs::recover() {
  RETORT_CHECK(database_.run("UPDATE job SET state = ?1 WHERE state = ?2", kQueued, kRunning));
  RETORT_TRY(Statement row,
             database_.prepare("SELECT owner FROM job WHERE state = ?1 "
                               "GROUP BY owner ORDER BY min(sequence)",
                               kQueued));
  std::vector<std::string> owners;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return owners;
    owners.push_back(row.text(0));
  }
}

Result<bool> Jobs::put_back(std::string_view id) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE job SET state = ?1, attempts = attempts - 1 "
                           "WHERE id = ?2 AND state = ?3",
                           kQueued,
                           id,
                           kRunning));
  return changed == 1;
}

Result<bool> Jobs::retry(std::string_view id) {
  RETORT_TRY(const std::int64_t changed,
             database_.run(
                 "UPDATE job SET state = ?1 WHERE id = ?2 AND state = ?3", kQueued, id, kRunning));
  return changed == 1;
}

// "state = 0" as the index has it: a parameter would keep SQLite from using it.
static_assert(kQueued == 0);

Result<std::vector<QueuedJob>> Jobs::queued(std::string_view owner, std::int64_t limit) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT id, bytes FROM job INDEXED BY job_by_turn "
                               "WHERE owner = ?1 AND state = 0 ORDER BY turn, sequence LIMIT ?2",
                               owner,
                               std::max<std::int64_t>(limit, 0)));
  std::vector<QueuedJob> jobs;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return jobs;
    jobs.push_back({.id = row.text(0), .bytes = row.integer(1)});
  }
}

Result<std::int64_t> Jobs::ahead_of(std::string_view owner, std::string_view id) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT count(*) FROM (SELECT 1 FROM job INDEXED BY job_by_turn "
                               "WHERE owner = ?1 AND state = 0 AND (turn, sequence) < "
                               "(SELECT turn, sequence FROM job WHERE id = ?2) LIMIT ?3)",
                               owner,
                               id,
                               kMostAhead));
  RETORT_CHECK(row.step());
  return row.integer(0);
}

Result<std::vector<JobSummary>> Jobs::list(const std::optional<std::string>& owner,
                                           std::string_view before,
                                           std::int64_t limit) {
  std::int64_t bound = std::numeric_limits<std::int64_t>::max();
  if (!before.empty()) {
    RETORT_TRY(Statement place,
               database_.prepare("SELECT sequence FROM job "
                                 "WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)",
                                 before,
                                 owner));
    RETORT_TRY(const bool is_there, place.step());
    if (!is_there) return no_such_job(before);
    bound = place.integer(0);
  }
  // Two statements: each has its index.
  const std::string_view sql =
      owner ? "SELECT " RETORT_JOB_SUMMARY
              " FROM job WHERE sequence < ?1 AND owner = ?3 ORDER BY sequence DESC LIMIT ?2"
            : "SELECT " RETORT_JOB_SUMMARY
              " FROM job WHERE sequence < ?1 AND ?3 IS NULL ORDER BY sequence DESC LIMIT ?2";
  RETORT_TRY(Statement row, database_.prepare(sql, bound, std::max<std::int64_t>(limit, 0), owner));
  std::vector<JobSummary> jobs;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return jobs;
    read_summary(row, jobs.emplace_back());
  }
}

Result<JobUsage> Jobs::usage() {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT state, count(*), sum(bytes) FROM job GROUP BY state"));
  JobUsage usage;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return usage;
    const std::int64_t state = row.integer(0);
    (state == kQueued    ? usage.queued
     : state == kRunning ? usage.running
                         : usage.done) = row.integer(1);
    usage.bytes += row.integer(2);
  }
}

Result<std::map<std::string, OwnerUsage>> Jobs::usage_by_owner() {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT owner, count(*), sum(bytes) FROM job "
                               "INDEXED BY job_by_share GROUP BY owner"));
  std::map<std::string, OwnerUsage> usage;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return usage;
    usage[row.text(0)] = {.jobs = static_cast<std::uint64_t>(row.integer(1)),
                          .bytes = static_cast<std::uint64_t>(row.integer(2))};
  }
}

Result<std::int64_t> Jobs::purge(std::int64_t older_than_us) {
  return database_.run("DELETE FROM job WHERE finished_us < ?1 AND webhook_due_us IS NULL",
                       older_than_us);
}

Result<std::int64_t> Jobs::purge_to(std::int64_t most_jobs, std::int64_t most_bytes) {
  RETORT_TRY(Transaction transaction, Transaction::begin(database_));
  RETORT_TRY(Statement done,
             database_.prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM job "
                               "INDEXED BY job_by_end WHERE finished_us IS NOT NULL"));
  RETORT_CHECK(done.step());
  if (done.integer(0) <= most_jobs && done.integer(1) <= most_bytes) return 0;
  // First what is within its owner's share, from the newest on, then the rest, until one of the
  // bounds is passed: what comes after goes.
  RETORT_TRY(
      const std::int64_t removed,
      database_.run("DELETE FROM job WHERE webhook_due_us IS NULL AND sequence IN ("
                    " SELECT sequence FROM ("
                    "  SELECT sequence, row_number() OVER kept AS place,"
                    "   sum(bytes) OVER kept AS total FROM ("
                    "   SELECT sequence, finished_us, bytes,"
                    "    (row_number() OVER own) > ?3 OR (sum(bytes) OVER own) > ?4 AS is_beyond"
                    "    FROM job INDEXED BY job_by_share WHERE finished_us IS NOT NULL"
                    "    WINDOW own AS (PARTITION BY owner"
                    "     ORDER BY finished_us DESC, sequence DESC ROWS UNBOUNDED PRECEDING))"
                    "  WINDOW kept AS (ORDER BY is_beyond, finished_us DESC, sequence DESC"
                    "   ROWS UNBOUNDED PRECEDING))"
                    " WHERE place > ?1 OR total > ?2)",
                    most_jobs,
                    most_bytes,
                    owners_share(most_jobs),
                    owners_share(most_bytes)));
  RETORT_CHECK(transaction.commit());
  return removed;
}

Result<std::optional<std::int64_t>> Jobs::remove(std::string_view id) {
  RETORT_TRY(
      Statement removed,
      database_.prepare("DELETE FROM job WHERE id = ?1 AND state = ?2 RETURNING bytes", id, kDone));
  RETORT_TRY(const bool was_done, removed.step());
  if (!was_done) return std::optional<std::int64_t>();
  const std::int64_t bytes = removed.integer(0);
  RETORT_CHECK(removed.step());  // to its end, which is the commit
  return std::optional(bytes);
}

}  // namespace retort::store
