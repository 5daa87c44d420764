// Job intake: one task writes as long as there is something to write.
#include "api/job_intake.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "async/deadline.h"

namespace retort::api {

using base::Error;
using base::Fault;
using base::Result;
using store::Inserted;

namespace {

// Of one commit.
constexpr std::size_t kMostAtOnce = 256;

// What was counted before a refresh may be taken away after it: never below nothing.
void take_away(store::OwnerUsage& usage, std::uint64_t bytes) {
  usage.jobs -= std::min<std::uint64_t>(usage.jobs, 1);
  usage.bytes -= std::min(usage.bytes, bytes);
}

}  // namespace

// Those of one commit: told when it goes, in whichever way their writer ends.
struct JobIntake::Batch {
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    for (const auto& job : jobs) {
      if (!job->answer) job->answer.emplace(Error{Fault::internal, "it was not written", 0});
      job->done.set();
    }
  }
  std::vector<std::shared_ptr<Waiting>> jobs;
};

std::optional<Problem> JobIntake::check_room(const std::string& owner,
                                             const Settings::Async& bounds,
                                             bool is_shared) const {
  const std::uint64_t most_stored = bounds.most_stored;
  if (all_.bytes >= bounds.bytes.bytes()) {
    return Problem{.code = ProblemCode::storage_full,
                   .detail = "this server keeps " + base::to_text(bounds.bytes) +
                             " of jobs and results, and has as much; they are forgotten in time"};
  }
  if (all_.jobs >= most_stored) {
    return Problem{.code = ProblemCode::storage_full,
                   .detail = "this server keeps " + std::to_string(most_stored) +
                             " jobs and results, and has as many; they are forgotten in time"};
  }
  const auto found = of_.find(owner);
  if (!is_shared || found == of_.end()) return std::nullopt;
  const store::OwnerUsage& own = found->second;
  std::string what;
  if (own.jobs >= store::owners_share(most_stored)) {
    what = std::to_string(own.jobs) + " jobs and results";
  } else if (own.bytes >= store::owners_share(bounds.bytes.bytes())) {
    what = std::to_string(own.bytes) + " bytes of jobs and results";
  } else {
    return std::nullopt;
  }
  return Problem{
      .code = ProblemCode::too_many_jobs,
      .detail = std::string(owner.empty() ? "callers without a key have " : "this key has ") +
                what + " stored, and may have no more; delete some",
      .retry_after_s = 60};
}

async::Task<Result<Inserted>> JobIntake::insert(store::NewJob job) {
  const std::string owner = job.owner;
  const std::uint64_t bytes = job.request.size();
  auto waiting = std::make_shared<Waiting>(executor_, std::move(job));
  // Counted from here on, so that those who come together do not all find the last place.
  ++all_.jobs;
  ++of_[owner].jobs;
  grew(owner, bytes);
  waiting_.push_back(waiting);
  if (writers_.value() == 0) async::spawn(executor_, write(writers_.take(1)));
  co_await waiting->done.wait();
  const bool is_new = *waiting->answer && !(*waiting->answer)->existed;
  if (!is_new) removed(owner, bytes);
  co_return *std::move(waiting->answer);
}

async::Task<> JobIntake::write(Count::Share writer) {
  const Count::Share writing = std::move(writer);  // until the last line below
  while (!waiting_.empty()) {
    Batch batch;
    auto jobs = std::make_shared<std::vector<store::NewJob>>();
    while (!waiting_.empty() && batch.jobs.size() < kMostAtOnce) {
      jobs->push_back(std::move(waiting_.front()->job));
      batch.jobs.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    auto work = [jobs, now = utc_now_us()](Storage::Stores& stores) {
      return stores.jobs.insert(*jobs, now);
    };
    // What was thrown must not end the writing for all who come later.
    auto answers = co_await async::caught(storage_.run(std::move(work)));
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      auto& answer = batch.jobs[i]->answer;
      if (answers) {
        answer.emplace(std::move((*answers)[i]));
      } else {
        answer.emplace(answers.error());
      }
    }
  }
}

void JobIntake::grew(const std::string& owner, std::uint64_t bytes) {
  all_.bytes += bytes;
  of_[owner].bytes += bytes;
}

void JobIntake::removed(const std::string& owner, std::uint64_t bytes) {
  take_away(all_, bytes);
  const auto found = of_.find(owner);
  if (found == of_.end()) return;
  take_away(found->second, bytes);
  if (found->second.jobs == 0) of_.erase(found);
}

async::Task<base::Status> JobIntake::refresh() {
  auto work = [](Storage::Stores& stores) { return stores.jobs.usage_by_owner(); };
  auto usage = co_await storage_.run(std::move(work));
  if (!usage) co_return std::move(usage).error();
  of_ = *std::move(usage);
  // Those that were on their way meanwhile are not in it, and not missed for long.
  all_ = {};
  for (const auto& entry : of_) {
    all_.jobs += entry.second.jobs;
    all_.bytes += entry.second.bytes;
  }
  co_return base::Status();
}

}  // namespace retort::api
