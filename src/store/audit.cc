// Audit: the SQL behind it.
#include "store/audit.h"

#include <algorithm>
#include <limits>

namespace retort::store {

using base::Error;
using base::Fault;
using base::Result;

Result<std::int64_t> Audit::append(const AuditEntry& entry) {
  const std::size_t size =
      entry.actor.size() + entry.action.size() + entry.object.size() + entry.detail.size();
  if (size > kLongestAuditEntry) {
    return Error{Fault::invalid,
                 "an entry of the audit log has at most " + std::to_string(kLongestAuditEntry) +
                     " bytes, this one " + std::to_string(size),
                 0};
  }
  RETORT_TRY(Statement added,
             database_.prepare("INSERT INTO audit (time_us, actor, action, object, detail) "
                               "VALUES (?1, ?2, ?3, ?4, ?5) RETURNING sequence",
                               entry.time_us,
                               entry.actor,
                               entry.action,
                               entry.object,
                               entry.detail));
  RETORT_CHECK(added.step());
  const std::int64_t sequence = added.integer(0);
  RETORT_CHECK(added.step());  // to its end, which is the commit
  return sequence;
}

Result<std::vector<AuditEntry>> Audit::list(std::int64_t before, std::int64_t limit) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT sequence, time_us, actor, action, object, detail "
                               "FROM audit WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2",
                               before > 0 ? before : std::numeric_limits<std::int64_t>::max(),
                               std::max<std::int64_t>(limit, 0)));
  std::vector<AuditEntry> entries;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return entries;
    entries.push_back({.sequence = row.integer(0),
                       .time_us = row.integer(1),
                       .actor = row.text(2),
                       .action = row.text(3),
                       .object = row.text(4),
                       .detail = row.text(5)});
  }
}

Result<std::int64_t> Audit::trim(std::int64_t older_than_us, std::int64_t most_entries) {
  return database_.run(
      "DELETE FROM audit WHERE time_us < ?1 OR sequence IN "
      "(SELECT sequence FROM audit ORDER BY sequence DESC LIMIT -1 OFFSET ?2)",
      older_than_us,
      std::max<std::int64_t>(most_entries, 0));
}

}  // namespace retort::store
