// Webhooks: the SQL behind them.
#include "store/webhooks.h"

#include <algorithm>
#include <utility>

#include "store/jobs.h"

namespace retort::store {

using base::Result;

namespace {

constexpr std::int64_t kDelivered = std::to_underlying(WebhookState::delivered);
constexpr std::int64_t kGivenUp = std::to_underlying(WebhookState::given_up);

}  // namespace

Result<std::vector<DueWebhook>> Webhooks::due(std::int64_t now_us,
                                              std::int64_t limit,
                                              std::int64_t per_owner) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT id, owner, webhook_url, webhook_attempts FROM ("
                               " SELECT id, owner, webhook_url, webhook_attempts,"
                               "  webhook_due_us, sequence, row_number() OVER"
                               "  (PARTITION BY owner ORDER BY webhook_due_us, sequence) AS place"
                               "  FROM job WHERE webhook_due_us <= ?1) "
                               "WHERE place <= ?3 ORDER BY webhook_due_us, sequence LIMIT ?2",
                               now_us,
                               std::max<std::int64_t>(limit, 0),
                               std::max<std::int64_t>(per_owner, 0)));
  std::vector<DueWebhook> webhooks;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return webhooks;
    webhooks.push_back({.job_id = row.text(0),
                        .owner = row.text(1),
                        .url = row.text(2),
                        .attempts = row.integer(3)});
  }
}

Result<std::optional<std::int64_t>> Webhooks::next_due() {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT min(webhook_due_us) FROM job "
                               "WHERE webhook_due_us IS NOT NULL"));
  RETORT_CHECK(row.step());
  return row.maybe_integer(0);
}

Result<bool> Webhooks::delivered(std::string_view job_id) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE job SET webhook_state = ?1, webhook_due_us = NULL, "
                           "webhook_attempts = webhook_attempts + 1, webhook_error = '' "
                           "WHERE id = ?2 AND webhook_due_us IS NOT NULL",
                           kDelivered,
                           job_id));
  return changed == 1;
}

Result<bool> Webhooks::failed(std::string_view job_id,
                              std::int64_t next_due_us,
                              std::string_view error) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE job SET webhook_due_us = ?1, "
                           "webhook_attempts = webhook_attempts + 1, webhook_error = ?2 "
                           "WHERE id = ?3 AND webhook_due_us IS NOT NULL",
                           next_due_us,
                           error,
                           job_id));
  return changed == 1;
}

Result<bool> Webhooks::given_up(std::string_view job_id, std::string_view error) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE job SET webhook_state = ?1, webhook_due_us = NULL, "
                           "webhook_attempts = webhook_attempts + 1, webhook_error = ?2 "
                           "WHERE id = ?3 AND webhook_due_us IS NOT NULL",
                           kGivenUp,
                           error,
                           job_id));
  return changed == 1;
}

Result<std::int64_t> Webhooks::give_up_old(std::int64_t older_than_us, std::string_view error) {
  return database_.run(
      "UPDATE job SET webhook_state = ?1, webhook_due_us = NULL, webhook_error = ?2 "
      "WHERE webhook_due_us IS NOT NULL AND finished_us < ?3",
      kGivenUp,
      error,
      older_than_us);
}

}  // namespace retort::store
