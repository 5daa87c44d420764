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

// One thread. What is stored is counted here, since to count it in the database is slow; `refresh`
// puts right what was purged. Others tell of a change (`grew`, `removed`) in the same turn as the
// database tells them, so that no change falls between a refresh and its count.
class JobIntake {
 public:
  // `storage` outlives it.
  JobIntake(async::Executor executor, Storage& storage)
      : executor_(std::move(executor)), storage_(storage), coming_(std::make_shared<Usage>()) {}

  // storage_full, too_many_jobs: no room for one more of this owner. Where there are several
  // (`is_shared`: keys, and those without one), each may have half of `most_stored` and of `bytes`,
  // so that it shuts nobody out.
  [[nodiscard]] std::optional<Problem> check_room(const std::string& owner,
                                                  const Settings::Async& bounds,
                                                  bool is_shared) const;
  // Durable when it returns. Errors: those of store::Jobs::insert.
  async::Task<base::Result<store::Inserted>> insert(store::NewJob job);
  // A job got its result, of so many bytes.
  void grew(const std::string& owner, std::uint64_t bytes);
  // One job was removed; `bytes`: of its request and result.
  void removed(const std::string& owner, std::uint64_t bytes);
  async::Task<base::Status> refresh();
  [[nodiscard]] std::uint64_t stored() const { return stored_.all.jobs; }
  [[nodiscard]] std::uint64_t bytes() const { return stored_.all.bytes; }

 private:
  struct Usage {
    store::OwnerUsage all;
    std::map<std::string, store::OwnerUsage> of;  // by owner

    [[nodiscard]] store::OwnerUsage of_owner(const std::string& owner) const;
    void add(const std::string& owner, const store::OwnerUsage& more);
    void take_away(const std::string& owner, const store::OwnerUsage& less);
  };
  struct Waiting;

  struct Batch;
  async::Task<> write(Count::Share writer);

  async::Executor executor_;
  Storage& storage_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  Count writers_;  // one or none
  Usage stored_;
  // On their way, and counted too, so that those who come together do not all find the last place.
  std::shared_ptr<Usage> coming_;
};

}  // namespace retort::api
