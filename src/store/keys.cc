// Keys: the SQL behind them, and the reading of tokens.
#include "store/keys.h"

#include <algorithm>

#include "base/bytes.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kPrefix = "retort_";
constexpr std::string_view kIdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kIdLength = 12;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretLength = 43;
constexpr std::size_t kLongestName = 100;

#define RETORT_KEY_COLUMNS                                                                  \
  "id, name, scopes, bounds_json, rate_per_minute, concurrency, priority_max, created_us, " \
  "expires_us, revoked_us, last_used_us"
constexpr int kDigestColumn = 11;

Key read_key(const Statement& row) {
  Key key;
  key.id = row.text(0);
  key.name = row.text(1);
  key.scopes = static_cast<std::uint32_t>(row.integer(2));
  key.bounds_json = row.text(3);
  key.rate_per_minute = row.maybe_integer(4);
  key.concurrency = row.maybe_integer(5);
  key.priority_max = row.maybe_integer(6);
  key.created_us = row.integer(7);
  key.expires_us = row.maybe_integer(8);
  key.revoked_us = row.maybe_integer(9);
  key.last_used_us = row.maybe_integer(10);
  return key;
}

std::string new_id() {
  std::string id = text::random_bytes(kIdLength);
  for (char& c : id) c = kIdAlphabet[static_cast<unsigned char>(c) % kIdAlphabet.size()];
  return id;
}

Status check(const NewKey& key, std::int64_t now_us) {
  const auto invalid = [](const char* what) { return Error{Fault::invalid, what, 0}; };
  if (key.name.empty() || key.name.size() > kLongestName) {
    return invalid("an API key's name has 1 to 100 bytes");
  }
  if (base::printable(key.name) != key.name) {
    return invalid("an API key's name is UTF-8 without control characters and backslashes");
  }
  if (key.scopes == 0 || (key.scopes & ~scope::kAll) != 0) {
    return invalid("an API key's scopes are one or more of run, read, manage");
  }
  const auto too_small = [](const std::optional<std::int64_t>& n) { return n && *n < 1; };
  if (too_small(key.rate_per_minute) || too_small(key.concurrency)) {
    return invalid("an API key's rate and concurrency are at least 1");
  }
  if (key.expires_us && *key.expires_us <= now_us) {
    return invalid("an API key's end lies in the future");
  }
  return {};
}

Error no_such_key(std::string_view id) {
  return Error{Fault::not_found, "there is no API key '" + base::printable(id) + "'", 0};
}

Error not_valid() {
  return Error{Fault::denied, "this is not a valid API key", 0};
}

}  // namespace

Result<CreatedKey> Keys::create(const NewKey& key, std::int64_t now_us) {
  RETORT_CHECK(check(key, now_us));
  CreatedKey created;
  static_cast<NewKey&>(created.key) = key;
  created.key.id = new_id();
  created.key.created_us = now_us;
  const std::string secret = text::base64url(text::random_bytes(kSecretBytes));
  RETORT_CHECK(
      database_.run("INSERT INTO api_key (" RETORT_KEY_COLUMNS
                    ", secret_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL, ?10)",
                    created.key.id,
                    key.name,
                    std::int64_t{key.scopes},
                    key.bounds_json,
                    key.rate_per_minute,
                    key.concurrency,
                    key.priority_max,
                    now_us,
                    key.expires_us,
                    text::sha256_hex(secret)));
  created.token.append(kPrefix).append(created.key.id).append("_").append(secret);
  return created;
}

Result<Key> Keys::authenticate(std::string_view token, std::int64_t now_us) {
  // By place and not by '_', which a secret may hold.
  constexpr std::size_t kSecretStart = kPrefix.size() + kIdLength + 1;
  if (token.size() != kSecretStart + kSecretLength || !token.starts_with(kPrefix) ||
      token[kSecretStart - 1] != '_') {
    return not_valid();
  }
  RETORT_TRY(
      Statement row,
      database_.prepare("SELECT " RETORT_KEY_COLUMNS ", secret_digest FROM api_key WHERE id = ?1",
                        token.substr(kPrefix.size(), kIdLength)));
  RETORT_TRY(const bool is_known, row.step());
  const std::string given = text::sha256_hex(token.substr(kSecretStart));
  const std::string kept = is_known ? row.text(kDigestColumn) : std::string(given.size(), '0');
  const bool is_right = text::constant_time_equal(given, kept);
  if (!is_known || !is_right) return not_valid();
  Key key = read_key(row);
  if (key.revoked_us) {
    return Error{Fault::denied, "API key " + key.id + " was revoked", 0};
  }
  if (key.expires_us && *key.expires_us <= now_us) {
    return Error{Fault::denied, "API key " + key.id + " has expired", 0};
  }
  return key;
}

Result<std::vector<Key>> Keys::list() {
  RETORT_TRY(
      Statement row,
      database_.prepare("SELECT " RETORT_KEY_COLUMNS " FROM api_key ORDER BY created_us, id"));
  std::vector<Key> keys;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) return keys;
    keys.push_back(read_key(row));
  }
}

Result<Key> Keys::get(std::string_view id) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT " RETORT_KEY_COLUMNS " FROM api_key WHERE id = ?1", id));
  RETORT_TRY(const bool is_there, row.step());
  if (!is_there) return no_such_key(id);
  return read_key(row);
}

Result<bool> Keys::revoke(std::string_view id, std::int64_t now_us) {
  RETORT_TRY(const std::int64_t changed,
             database_.run("UPDATE api_key SET revoked_us = ?1 "
                           "WHERE id = ?2 AND revoked_us IS NULL",
                           now_us,
                           id));
  if (changed == 1) return true;
  RETORT_CHECK(get(id));
  return false;
}

Status Keys::touch(std::string_view id, std::int64_t now_us) {
  RETORT_CHECK(database_.run("UPDATE api_key SET last_used_us = ?1 WHERE id = ?2", now_us, id));
  return {};
}

}  // namespace retort::store
