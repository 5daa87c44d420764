// Audit: an append-only log of who did what to what. The database itself refuses to change an
// entry; the oldest go when the log is over its bounds.
//
// Times, threads and errors: as store/jobs.h has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace retort::store {

constexpr std::size_t kLongestAuditEntry = 16384;  // bytes of its texts together

struct AuditEntry {
  std::int64_t sequence = 0;  // grows, and is never used twice; given by `append`
  std::int64_t time_us = 0;
  std::string actor;   // id of an API key, "operator" for the command line
  std::string action;  // "key.create"
  std::string object;
  std::string detail;
};

class Audit {
 public:
  // `database` must outlive it.
  explicit Audit(Database& database) : database_(database) {}

  // Durable when it returns; the entry's sequence. Fault::invalid over kLongestAuditEntry.
  base::Result<std::int64_t> append(const AuditEntry& entry);
  // The newest first, at most `limit`, those before `before` (a sequence; 0: from the newest).
  base::Result<std::vector<AuditEntry>> list(std::int64_t before, std::int64_t limit);
  // Forgets what is older, and the oldest until there are at most `most_entries`; how many.
  base::Result<std::int64_t> trim(std::int64_t older_than_us, std::int64_t most_entries);

 private:
  Database& database_;
};

}  // namespace retort::store
