// Webhooks: which calls that announce a result are due, and what became of them; a row with the job
// itself, so that a result and the duty to announce it are one commit.
//
// At least once: a server that dies between the call and `delivered` calls again. Times, threads
// and errors: as store/jobs.h has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace retort::store {

struct DueWebhook {
  std::string job_id;
  std::string owner;
  std::string url;
  std::int64_t attempts = 0;  // that failed
};

class Webhooks {
 public:
  // `database` must outlive it.
  explicit Webhooks(Database& database) : database_(database) {}

  // Those whose time has come, the longest due first, at most `limit`, and of them at most
  // `per_owner` of one owner, so that nobody's slow server keeps another's waiting. They stay due
  // until one of the calls below says otherwise; who has calls under way passes over them.
  base::Result<std::vector<DueWebhook>> due(std::int64_t now_us,
                                            std::int64_t limit,
                                            std::int64_t per_owner);
  // When the next one is due; nothing when none is pending.
  base::Result<std::optional<std::int64_t>> next_due();

  // False when that job's call is not pending (any more).
  base::Result<bool> delivered(std::string_view job_id);
  // One more attempt failed with `error`; the next is due at `next_due_us`.
  base::Result<bool> failed(std::string_view job_id,
                            std::int64_t next_due_us,
                            std::string_view error);
  // The last attempt failed with `error`: no more of them.
  base::Result<bool> given_up(std::string_view job_id, std::string_view error);
  // The same for all whose result is older, without an attempt; how many.
  base::Result<std::int64_t> give_up_old(std::int64_t older_than_us, std::string_view error);

 private:
  Database& database_;
};

}  // namespace retort::store
