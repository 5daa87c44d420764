// Schema: the tables of state.db. A step that was released is never changed; new ones are added
// below it. Times are microseconds since 1970, UTC.
#include "store/database.h"

namespace retort::store {
namespace {

constexpr const char* kFirst = R"(
CREATE TABLE job (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of acceptance
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  idempotency_key TEXT,
  request_digest TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,            -- store::JobState
  attempts INTEGER NOT NULL DEFAULT 0,
  created_us INTEGER NOT NULL,
  started_us INTEGER,
  finished_us INTEGER,
  bytes INTEGER NOT NULL,                      -- of request and result
  webhook_url TEXT,
  webhook_state INTEGER NOT NULL DEFAULT 0,    -- store::WebhookState
  webhook_due_us INTEGER,                      -- not NULL exactly while a delivery is due
  webhook_attempts INTEGER NOT NULL DEFAULT 0,
  webhook_error TEXT NOT NULL DEFAULT '',
  request TEXT NOT NULL,                       -- the long ones last: what is before them is read
  result TEXT                                  -- without them
) STRICT;
CREATE UNIQUE INDEX job_by_idempotency_key ON job (owner, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_by_owner ON job (owner, sequence);
CREATE INDEX job_by_state ON job (state, bytes);
CREATE INDEX job_by_end ON job (finished_us, bytes) WHERE finished_us IS NOT NULL;
CREATE INDEX job_by_webhook ON job (webhook_due_us) WHERE webhook_due_us IS NOT NULL;

CREATE TABLE api_key (
  id TEXT NOT NULL PRIMARY KEY,
  secret_digest TEXT NOT NULL,                 -- SHA-256, hexadecimal
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  bounds_json TEXT NOT NULL,
  rate_per_minute INTEGER,
  concurrency INTEGER,
  priority_max INTEGER,
  created_us INTEGER NOT NULL,
  expires_us INTEGER,
  revoked_us INTEGER,
  last_used_us INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  time_us INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE blob_owner (
  sha256 TEXT NOT NULL,
  owner TEXT NOT NULL,
  size INTEGER NOT NULL,
  last_used_us INTEGER NOT NULL,
  PRIMARY KEY (sha256, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_by_owner ON blob_owner (owner, size);
)";

// What each owner has stored, and which of it is the oldest; what waits, and in which order.
constexpr const char* kSecond = R"(
CREATE INDEX job_by_share ON job (owner, finished_us, bytes);
ALTER TABLE job ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;  -- the priority with its sign changed
CREATE INDEX job_by_turn ON job (owner, turn, sequence) WHERE state = 0;
)";

constexpr const char* kSchema[] = {kFirst, kSecond};

}  // namespace

std::span<const char* const> schema() {
  return kSchema;
}

}  // namespace retort::store
