// Job intake: jobs on their way into the database. Those that come while one wait for the disk goes
// on share the next one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/count.h"
#include "api/problem.h"
#include "api/storage.h"
#include "async/event.h"
#include "async/task.h"
#include "base/error.h"
#include "store/jobs.h"

namespace retort::api {

// One thread. How many jobs are stored is counted here, since to count them in the database is
// slow; `refresh` puts right what was purged.
class JobIntake {
 public:
  // `storage` outlives it.
  JobIntake(async::Executor executor, Storage& storage)
      : executor_(std::move(executor)), storage_(storage) {}

  // storage_full, too_many_jobs: no room for one more of this owner. Where there are several
  // (`is_shared`: keys, and those without one), each may have half of `most_stored`, so that it
  // shuts nobody out.
  [[nodiscard]] std::optional<Problem> check_room(const std::string& owner,
                                                  const Settings::Async& bounds,
                                                  bool is_shared) const;
  // Durable when it returns. Errors: those of store::Jobs::insert.
  async::Task<base::Result<store::Inserted>> insert(store::NewJob job);
  // One job was removed.
  void removed(const std::string& owner);
  async::Task<base::Status> refresh();
  [[nodiscard]] std::uint64_t stored() const { return stored_; }

 private:
  struct Waiting {
    Waiting(const async::Executor& executor, store::NewJob new_job)
        : job(std::move(new_job)), done(executor) {}
    store::NewJob job;
    std::optional<base::Result<store::Inserted>> answer;
    async::Event done;
  };

  struct Batch;
  async::Task<> write(Count::Share writer);

  async::Executor executor_;
  Storage& storage_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  Count writers_;  // one or none
  std::uint64_t stored_ = 0;
  std::map<std::string, std::uint64_t> stored_of_;  // by owner
  std::uint64_t bytes_ = 0;                         // of requests and results
};

}  // namespace retort::api
