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

void add_to(store::OwnerUsage& usage, const store::OwnerUsage& more) {
  usage.jobs += more.jobs;
  usage.bytes += more.bytes;
}

// What was counted before a refresh may be taken away after it: never below nothing.
void take_from(store::OwnerUsage& usage, const store::OwnerUsage& less) {
  usage.jobs -= std::min(usage.jobs, less.jobs);
  usage.bytes -= std::min(usage.bytes, less.bytes);
}

}  // namespace

store::OwnerUsage JobIntake::Usage::of_owner(const std::string& owner) const {
  const auto found = of.find(owner);
  return found == of.end() ? store::OwnerUsage() : found->second;
}

void JobIntake::Usage::add(const std::string& owner, const store::OwnerUsage& more) {
  add_to(all, more);
  add_to(of[owner], more);
}

void JobIntake::Usage::take_away(const std::string& owner, const store::OwnerUsage& less) {
  take_from(all, less);
  const auto found = of.find(owner);
  if (found == of.end()) return;
  take_from(found->second, less);
  if (found->second.jobs == 0) of.erase(found);
}

// One on its way. It is among those that come until it is answered, in whichever way it ends.
struct JobIntake::Waiting {
  Waiting(const async::Executor& executor, std::shared_ptr<Usage> all_coming, store::NewJob new_job)
      : job(std::move(new_job)),
        owner(job.owner),
        usage{.jobs = 1, .bytes = job.request.size()},
        coming(std::move(all_coming)),
        done(executor) {
    coming->add(owner, usage);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (!answer) coming->take_away(owner, usage);
  }

  void set(Result<Inserted> its_answer) {
    coming->take_away(owner, usage);
    answer.emplace(std::move(its_answer));
    done.set();
  }

  store::NewJob job;
  const std::string owner;
  const store::OwnerUsage usage;
  const std::shared_ptr<Usage> coming;
  std::optional<Result<Inserted>> answer;
  async::Event done;
};

// Those of one commit: told when it goes, in whichever way their writer ends.
struct JobIntake::Batch {
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    for (const auto& job : jobs) {
      if (!job->answer) job->set(Error{Fault::internal, "it was not written", 0});
    }
  }
  std::vector<std::shared_ptr<Waiting>> jobs;
};

std::optional<Problem> JobIntake::check_room(const std::string& owner,
                                             const Settings::Async& bounds,
                                             bool is_shared) const {
  const std::uint64_t most_stored = bounds.most_stored;
  store::OwnerUsage all = stored_.all;
  add_to(all, coming_->all);
  if (all.bytes >= bounds.bytes.bytes()) {
    return Problem{.code = ProblemCode::storage_full,
                   .detail = "this server keeps " + base::to_text(bounds.bytes) +
                             " of jobs and results, and has as much; they are forgotten in time"};
  }
  if (all.jobs >= most_stored) {
    return Problem{.code = ProblemCode::storage_full,
                   .detail = "this server keeps " + std::to_string(most_stored) +
                             " jobs and results, and has as many; they are forgotten in time"};
  }
  if (!is_shared) return std::nullopt;
  store::OwnerUsage own = stored_.of_owner(owner);
  add_to(own, coming_->of_owner(owner));
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
  auto waiting = std::make_shared<Waiting>(executor_, coming_, std::move(job));
  waiting_.push_back(waiting);
  if (writers_.value() == 0) async::spawn(executor_, write(writers_.take(1)));
  co_await waiting->done.wait();
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
      Waiting& written = *batch.jobs[i];
      Result<Inserted> answer =
          answers ? std::move((*answers)[i]) : Result<Inserted>(answers.error());
      if (answer && !answer->existed) stored_.add(written.owner, written.usage);
      written.set(std::move(answer));
    }
  }
}

void JobIntake::grew(const std::string& owner, std::uint64_t bytes) {
  stored_.add(owner, {.jobs = 0, .bytes = bytes});
}

void JobIntake::removed(const std::string& owner, std::uint64_t bytes) {
  stored_.take_away(owner, {.jobs = 1, .bytes = bytes});
}

async::Task<base::Status> JobIntake::refresh() {
  auto work = [](Storage::Stores& stores) { return stores.jobs.usage_by_owner(); };
  auto usage = co_await storage_.run(std::move(work));
  if (!usage) co_return std::move(usage).error();
  stored_ = {.all = {}, .of = *std::move(usage)};
  for (const auto& entry : stored_.of) add_to(stored_.all, entry.second);
  co_return base::Status();
}

}  // namespace retort::api
