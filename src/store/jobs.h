// Jobs: asynchronous jobs from their acceptance to their one result. What was accepted outlives
// every crash, and is run again by the next server until it has its result.
//
// Times are microseconds since 1970, UTC, and the caller's. Threads and further errors: as
// store/database.h has them.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace retort::store {

enum class JobState { queued = 0, running = 1, done = 2 };  // as the table has them
std::string_view to_text(JobState state);

// What becomes of the call that announces a result.
enum class WebhookState { none = 0, pending = 1, delivered = 2, given_up = 3 };
std::string_view to_text(WebhookState state);

struct NewJob {
  std::string id;               // unique; the caller's
  std::string owner;            // id of an API key; "" where there are none
  std::string idempotency_key;  // "": none
  std::string request_digest;   // SHA-256 of the body, hexadecimal
  std::string request;          // JSON
  std::string webhook_url;      // "": none
  int priority = 0;             // among the owner's; larger goes first
};

struct Inserted {
  std::string id;        // of the job that stands for the request
  bool existed = false;  // it was accepted before, under the same idempotency key
};

struct JobSummary {
  std::string id;
  std::string owner;
  JobState state = JobState::queued;
  std::int64_t attempts = 0;
  std::int64_t created_us = 0;
  std::optional<std::int64_t> started_us;  // the last attempt
  std::optional<std::int64_t> finished_us;
  std::string webhook_url;
  WebhookState webhook_state = WebhookState::none;
  std::int64_t webhook_attempts = 0;
  std::string webhook_error;  // the last one
};

struct Job : JobSummary {
  std::string idempotency_key;
  std::string request_digest;
  std::string request;
  std::string result;  // JSON; "" until the job is done
};

struct QueuedJob {
  std::string id;
  std::int64_t bytes = 0;  // of its request
};

// In whatever state they are.
struct OwnerUsage {
  std::uint64_t jobs = 0;
  std::uint64_t bytes = 0;  // of their requests and results
};

// What one owner may have of what all may have together, where there are several.
template <std::integral Count>
constexpr Count owners_share(Count most) {
  return most - most / 2;
}

struct JobUsage {
  std::int64_t queued = 0;
  std::int64_t running = 0;
  std::int64_t done = 0;
  std::int64_t bytes = 0;  // of all requests and results
};

class Jobs {
 public:
  // `database` must outlive it.
  explicit Jobs(Database& database) : database_(database) {}

  // Durable when it returns. A job with the same owner and idempotency key stands for this one when
  // its body was the same; Fault::busy when it was another.
  base::Result<Inserted> insert(const NewJob& job, std::int64_t now_us);
  // Many with one wait for the disk (group commit). Each has its own answer; an error of the
  // database is the answer of all, and none of them is accepted.
  std::vector<base::Result<Inserted>> insert(std::span<const NewJob> jobs, std::int64_t now_us);

  // A queued job runs from here on. The number of this attempt, from 1. Fault::busy when it runs or
  // is done already, Fault::not_found.
  base::Result<std::int64_t> begin(std::string_view id, std::int64_t now_us);

  // True for the one call that gave the job its result; false when it had one, which stays as it
  // is. Also for a job that was never begun (cancelled while queued). Fault::not_found. A webhook
  // is due from then on.
  base::Result<bool> finish(std::string_view id, std::string_view result, std::int64_t now_us);

  // Whose it is, is the caller's to check.
  base::Result<Job> get(std::string_view id);

  // The same without its request, which may be large. Fault::not_found also for another owner's.
  base::Result<Job> look_up(std::string_view owner, std::string_view id);
  // The job of this owner and idempotency key, if there is one. Fault::busy: it had another body.
  base::Result<std::optional<std::string>> find(std::string_view owner,
                                                std::string_view idempotency_key,
                                                std::string_view request_digest);

  // For a server's start: what was running is queued again. The owners of all that is queued.
  base::Result<std::vector<std::string>> recover();
  // An attempt that was begun did not take place: the job is queued again, and the attempt does not
  // count. False when it is not running.
  base::Result<bool> put_back(std::string_view id);
  // The same for one that failed, and counts.
  base::Result<bool> retry(std::string_view id);
  // The next of one owner, by priority and then in the order of acceptance; at most `limit`.
  base::Result<std::vector<QueuedJob>> queued(std::string_view owner, std::int64_t limit);
  // How many of the owner's jobs are queued and go before this one, counted up to kMostAhead.
  static constexpr std::int64_t kMostAhead = 10'000;
  base::Result<std::int64_t> ahead_of(std::string_view owner, std::string_view id);

  // The newest first, at most `limit`; `owner`: nothing means everybody's. `before`: the id of the
  // last job of the page before, "" for the first page; Fault::not_found when that is not (or no
  // longer) a job of this owner.
  base::Result<std::vector<JobSummary>> list(const std::optional<std::string>& owner,
                                             std::string_view before,
                                             std::int64_t limit);

  base::Result<JobUsage> usage();
  base::Result<std::map<std::string, OwnerUsage>> usage_by_owner();

  // Forget done jobs, with their results and idempotency keys; how many. Those whose webhook is
  // still pending stay (see Webhooks::give_up_old), as do all that are not done.
  base::Result<std::int64_t> purge(std::int64_t older_than_us);
  // Until what is done is at most so many jobs and bytes: the oldest of what owners have beyond
  // their share, which is half of that, so that nobody's results go for another's many; then the
  // oldest of all.
  base::Result<std::int64_t> purge_to(std::int64_t most_jobs, std::int64_t most_bytes);
  // One; the bytes of its request and result. Nothing when it is not there or not done.
  base::Result<std::optional<std::int64_t>> remove(std::string_view id);

 private:
  base::Result<Inserted> insert_one(const NewJob& job, std::int64_t now_us);

  Database& database_;
};

}  // namespace retort::store
