// Key changes: one transaction each.
#include "api/key_changes.h"

#include "api/key_form.h"
#include "store/audit.h"
#include "text/json.h"

namespace retort::api {

using base::Result;

Result<store::CreatedKey> create_key(store::Database& database,
                                     const store::NewKey& key,
                                     const KeyChange& change) {
  RETORT_TRY(store::Transaction transaction, store::Transaction::begin(database));
  RETORT_TRY(auto created, store::Keys(database).create(key, change.now_us));
  RETORT_CHECK(store::Audit(database).append({.time_us = change.now_us,
                                              .actor = change.actor,
                                              .action = "key.create",
                                              .object = created.key.id,
                                              .detail = text::compact(key_json(created.key))}));
  RETORT_CHECK(transaction.commit());
  return created;
}

Result<bool> revoke_key(store::Database& database, const std::string& id, const KeyChange& change) {
  RETORT_TRY(store::Transaction transaction, store::Transaction::begin(database));
  RETORT_TRY(const bool is_news, store::Keys(database).revoke(id, change.now_us));
  if (!is_news) return false;
  RETORT_CHECK(store::Audit(database).append({.time_us = change.now_us,
                                              .actor = change.actor,
                                              .action = "key.revoke",
                                              .object = id,
                                              .detail = ""}));
  RETORT_CHECK(transaction.commit());
  return true;
}

}  // namespace retort::api
