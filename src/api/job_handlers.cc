// /v1/jobs: jobs that nobody waits for, from their acceptance to their result.
#include <algorithm>

#include "api/job_intake.h"
#include "api/job_runner.h"
#include "api/service.h"
#include "api/storage_problem.h"
#include "async/deadline.h"
#include "base/units.h"
#include "store/jobs.h"
#include "text/digest.h"

namespace retort::api {

using async::Task;
using base::Fault;
using base::Result;
using store::JobState;
namespace json = text::json;

namespace {

constexpr std::size_t kLongestIdempotencyKey = 255;
constexpr std::uint64_t kMostOfPage = 1000;
constexpr std::uint64_t kUsualPage = 100;
// A cell ends in milliseconds; the disk may be slow.
constexpr base::Duration kLongestCancel = std::chrono::seconds(20);

json::value or_null(const std::optional<std::int64_t>& value) {
  if (value) return *value;
  return nullptr;
}

json::object to_json(const store::JobSummary& job) {
  json::object record = {{"id", job.id},
                         {"state", store::to_text(job.state)},
                         {"attempts", job.attempts},
                         {"created_us", job.created_us},
                         {"started_us", or_null(job.started_us)},
                         {"finished_us", or_null(job.finished_us)}};
  if (!job.webhook_url.empty()) {
    json::object webhook = {{"url", job.webhook_url},
                            {"state", store::to_text(job.webhook_state)},
                            {"attempts", job.webhook_attempts}};
    if (!job.webhook_error.empty()) webhook["error"] = job.webhook_error;
    record["webhook"] = std::move(webhook);
  }
  return record;
}

Problem no_such_job(const std::string& id) {
  return {.code = ProblemCode::not_found, .detail = "there is no job " + shown(id)};
}

Problem problem_of(const base::Error& error, const std::string& id) {
  switch (error.fault) {
    case Fault::not_found:
      return no_such_job(id);
    case Fault::busy:
      return {.code = ProblemCode::conflict, .detail = error.what};
    case Fault::exhausted:
      return storage_problem(error);
    default:
      return internal_problem();
  }
}

// Printable, so that it can be shown, and of a length that an index takes.
std::expected<std::string, Problem> idempotency_key(const http::RequestHead& head) {
  const std::string* const header = head.header("idempotency-key");
  if (header == nullptr) return std::string();
  const bool is_printable =
      std::ranges::all_of(*header, [](char c) { return c >= ' ' && c <= '~'; });
  if (is_printable && !header->empty() && header->size() <= kLongestIdempotencyKey) return *header;
  return std::unexpected(
      Problem{.code = ProblemCode::invalid_request,
              .detail = "Idempotency-Key must be 1 to 255 characters of printable ASCII"});
}

}  // namespace

Task<> Service::create_job(Call& call) {
  auto body = co_await read_body(call);
  if (!body) co_return co_await call.answer(body.error());
  const auto key = idempotency_key(call.head());
  if (!key) co_return co_await call.answer(key.error());
  store::NewJob job;
  job.id = make_id();
  job.owner = call.caller.owner;
  job.idempotency_key = *key;
  job.request_digest = text::sha256_hex(*body);
  // What was accepted stays so, whatever has become since of its blobs, its bounds or the room, and
  // also while the server drains.
  auto earlier = co_await find_accepted(job.owner, job.idempotency_key, job.request_digest);
  if (!earlier) {
    const Problem problem = problem_of(earlier.error(), "");
    co_return co_await call.answer(problem);
  }
  if (*earlier) {
    std::string id = **std::move(earlier);
    co_return co_await answer_accepted(call, std::move(id));
  }

  const auto json = text::parse_json(*body);
  if (!json) {
    const Problem problem = problem_of_json(json.error());
    co_return co_await call.answer(problem);
  }
  auto request = runs_.parse(*json, call.caller, JobForm::stored);
  if (!request) {
    const Problem problem = problem_of(std::move(request).error());
    co_return co_await call.answer(problem);
  }
  if (runs_.is_shut()) {
    const Problem problem = draining_problem();
    co_return co_await call.answer(problem);
  }
  job.webhook_url = request->webhook;
  job.priority = request->priority;
  std::optional<Problem> refusal = intake_->check_room(
      job.owner, settings_->async, settings_->requires_keys() || !job.owner.empty());
  std::optional<StoredCharges::Entry> charged;
  if (!refusal) {
    auto charge = callers_.charge(call.caller, job::cpu_ceiling_of(request->submission));
    if (charge) {
      charged.emplace(runner_->expect(job.id, *std::move(charge)));
    } else {
      refusal = std::move(charge).error();
    }
  }
  if (refusal) {
    // Its twin, sent at the same time, may have taken the last of what there was.
    auto twin = co_await find_accepted(job.owner, job.idempotency_key, job.request_digest);
    if (twin && *twin) {
      std::string id = **std::move(twin);
      co_return co_await answer_accepted(call, std::move(id));
    }
    if (!twin) {
      const Problem problem = problem_of(twin.error(), "");
      co_return co_await call.answer(problem);
    }
    parts_.metrics.refused(info_of(refusal->code).name);
    co_return co_await call.answer(*refusal);
  }
  // Told now, since it can be mended now; it is asked again when the job runs.
  if (auto problem =
          co_await runs_.open_blobs(request->submission, std::move(request->blobs), job.owner)) {
    charged.reset();
    co_return co_await call.answer(*problem);
  }
  job.request = *std::move(body);
  auto inserted = co_await intake_->insert(std::move(job));
  if (!inserted) {
    charged.reset();
    const Problem problem = problem_of(inserted.error(), "");
    co_return co_await call.answer(problem);
  }
  if (!inserted->existed) {
    charged->keep();
    runner_->added(call.caller.owner);
  }
  charged.reset();
  std::string id = std::move(inserted->id);
  co_await answer_accepted(call, std::move(id));
}

// The job that stands for a request which is sent again. Fault::busy: it had another body.
Task<Result<std::optional<std::string>>> Service::find_accepted(std::string owner,
                                                                std::string key,
                                                                std::string digest) {
  if (key.empty()) co_return std::optional<std::string>();
  auto find = [owner = std::move(owner), key = std::move(key), digest = std::move(digest)](
                  Storage::Stores& stores) { return stores.jobs.find(owner, key, digest); };
  co_return co_await parts_.storage.run(std::move(find));
}

Task<> Service::answer_accepted(Call& call, std::string id) {
  call.job = id;
  auto look_up = [owner = call.caller.owner, id](Storage::Stores& stores) {
    return stores.jobs.look_up(owner, id);
  };
  auto stored = co_await parts_.storage.run(std::move(look_up));
  if (!stored) {
    const Problem problem = problem_of(stored.error(), id);
    co_return co_await call.answer(problem);
  }
  http::Response response;
  response.status = 202;
  response.headers.push_back({"Location", "/v1/jobs/" + id});
  response.body = text::compact(to_json(*stored));
  co_await call.answer(std::move(response));
}

Task<> Service::list_jobs(Call& call) {
  const std::string* const before = call.head().parameter("before");
  const std::string* const limit = call.head().parameter("limit");
  std::uint64_t most = kUsualPage;
  if (limit != nullptr) {
    const auto count = base::parse_count(*limit, kMostOfPage);
    if (!count || *count == 0) {
      const Problem problem{.code = ProblemCode::invalid_request,
                            .detail = "limit must be a whole number from 1 to 1000"};
      co_return co_await call.answer(problem);
    }
    most = *count;
  }
  auto work = [owner = call.caller.owner,
               start = before == nullptr ? std::string() : *before,
               most](Storage::Stores& stores) {
    return stores.jobs.list(owner, start, static_cast<std::int64_t>(most) + 1);
  };
  auto jobs = co_await parts_.storage.run(std::move(work));
  if (!jobs && jobs.error().fault == Fault::not_found) {
    const Problem problem{.code = ProblemCode::invalid_request,
                          .detail =
                              "before must be the `next` of a page; that job is no more: "
                              "begin with the first page"};
    co_return co_await call.answer(problem);
  }
  if (!jobs) {
    const Problem problem = problem_of(jobs.error(), "");
    co_return co_await call.answer(problem);
  }
  json::object page;
  const bool is_last = jobs->size() <= most;
  if (!is_last) jobs->pop_back();
  json::array list;
  for (const store::JobSummary& job : *jobs) list.push_back(to_json(job));
  page["jobs"] = std::move(list);
  page["next"] = nullptr;
  if (!is_last) page["next"] = jobs->back().id;
  const json::value record = std::move(page);
  co_await call.answer(200, record);
}

Task<> Service::show_job(Call& call) {
  const std::string id = call.parts.front();
  auto work = [owner = call.caller.owner, id](Storage::Stores& stores) {
    return stores.jobs.look_up(owner, id);
  };
  auto job = co_await parts_.storage.run(std::move(work));
  if (!job) {
    const Problem problem = problem_of(job.error(), id);
    co_return co_await call.answer(problem);
  }
  call.job = id;
  http::Response response;
  response.body = text::compact(to_json(*job));
  if (!job->result.empty()) {
    // {…} and {"result": …} are one object: a result may be large, and is not parsed for this.
    response.body.back() = ',';
    response.body.append(job->result, 1);
  }
  co_await call.answer(std::move(response));
}

Task<> Service::delete_job(Call& call) {
  const std::string id = call.parts.front();
  const std::string owner = call.caller.owner;
  // A job that begins meanwhile is found in the second round.
  for (int round = 0; round < 3; ++round) {
    if (auto job = runner_->find(id); job && job->owner == owner) {
      call.job = id;
      job->is_unwanted = true;
      job->cancel->cancel();
      auto ended = job->ended.wait();
      const auto in_time = co_await async::within(kLongestCancel, std::move(ended));
      if (!in_time) {
        const Problem problem{.code = ProblemCode::unavailable,
                              .detail = "the job is ended, but its end is not stored yet",
                              .retry_after_s = 5};
        co_return co_await call.answer(problem);
      }
      http::Response response;
      response.status = 204;
      response.content_type.clear();
      co_return co_await call.answer(std::move(response));
    }
    struct Deleted {
      Result<store::Job> job;
      Result<bool> is_done = false;
      std::uint64_t bytes = 0;  // that went with it, or that its result has
    };
    auto work = [owner, id, now = utc_now_us()](Storage::Stores& stores) {
      Deleted deleted{.job = stores.jobs.look_up(owner, id)};
      if (!deleted.job) return deleted;
      if (deleted.job->state == JobState::done) {
        const auto removed = stores.jobs.remove(id);
        if (!removed) {
          deleted.is_done = removed.error();
          return deleted;
        }
        deleted.is_done = removed->has_value();
        deleted.bytes = static_cast<std::uint64_t>(removed->value_or(0));
      } else if (deleted.job->state == JobState::queued) {
        const std::string outcome = JobRunner::cancelled_outcome(id, "");
        deleted.is_done = stores.jobs.finish(id, outcome, now);
        deleted.bytes = outcome.size();
      }
      return deleted;
    };
    const Deleted deleted = co_await parts_.storage.run(std::move(work));
    if (!deleted.job || !deleted.is_done) {
      const Problem problem =
          problem_of(!deleted.job ? deleted.job.error() : deleted.is_done.error(), id);
      co_return co_await call.answer(problem);
    }
    if (!*deleted.is_done) continue;
    call.job = id;
    if (deleted.job->state == JobState::done) {
      intake_->removed(owner, deleted.bytes);
    } else {
      parts_.log.info("job ended",
                      {{"job", id}, {"kind", "stored"}, {"status", "cancelled"}, {"key", owner}});
      runner_->was_finished(id, owner, deleted.bytes);
    }
    http::Response response;
    response.status = 204;
    response.content_type.clear();
    co_return co_await call.answer(std::move(response));
  }
  const Problem problem{.code = ProblemCode::unavailable,
                        .detail = "the job changes its state right now; try again",
                        .retry_after_s = 1};
  co_await call.answer(problem);
}

}  // namespace retort::api
