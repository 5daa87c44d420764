// Key changes: keys are made and revoked together with their entry in the audit log, or not at all.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "store/database.h"
#include "store/keys.h"

namespace retort::api {

// Who changes it: the id of an API key, or kOperator; and when.
struct KeyChange {
  std::string actor;
  std::int64_t now_us = 0;
};
constexpr const char* kOperator = "operator";  // the command line

// Errors: those of store::Keys and of the audit log; then nothing has changed.
base::Result<store::CreatedKey> create_key(store::Database& database,
                                           const store::NewKey& key,
                                           const KeyChange& change);
base::Result<bool> revoke_key(store::Database& database,
                              const std::string& id,
                              const KeyChange& change);

}  // namespace retort::api
