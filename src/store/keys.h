// Keys: API keys. The secret is shown once, when the key is made; what is kept is its SHA-256,
// which suffices for a secret of 256 random bits (a slow hash is for passwords, which are guessed).
//
// A token reads retort_ID_SECRET: 12 characters of a-z2-7 and 43 of base64url. Times, threads and
// errors: as store/jobs.h has them. The command line may change keys while a server runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace retort::store {

// What a key may do, as bits.
namespace scope {
constexpr std::uint32_t kRun = 1;     // run programs
constexpr std::uint32_t kRead = 2;    // see what there is
constexpr std::uint32_t kManage = 4;  // change what is not its own
constexpr std::uint32_t kAll = kRun | kRead | kManage;
}  // namespace scope

struct NewKey {
  std::string name;  // for people; 1 to 100 bytes of plain UTF-8
  std::uint32_t scopes = 0;
  std::string bounds_json = "{}";  // limits of this key; kept as it is, the caller's to check
  // Nothing means that the server's own bound is the only one.
  std::optional<std::int64_t> rate_per_minute;
  std::optional<std::int64_t> concurrency;
  std::optional<std::int64_t> priority_max;
  std::optional<std::int64_t> expires_us;
};

struct Key : NewKey {
  std::string id;
  std::int64_t created_us = 0;
  std::optional<std::int64_t> revoked_us;
  std::optional<std::int64_t> last_used_us;
};

struct CreatedKey {
  Key key;
  std::string token;  // the only time that the secret is seen
};

class Keys {
 public:
  // `database` must outlive it.
  explicit Keys(Database& database) : database_(database) {}

  // Fault::invalid: a name, a scope or a number that cannot be.
  base::Result<CreatedKey> create(const NewKey& key, std::int64_t now_us);

  // Fault::denied, with the same words, for what is no token, an unknown id and a wrong secret: the
  // last two cost the same work. Whoever has the secret is told that the key has expired or was
  // revoked. Writes nothing: see `touch`.
  base::Result<Key> authenticate(std::string_view token, std::int64_t now_us);

  base::Result<std::vector<Key>> list();  // the oldest first
  base::Result<Key> get(std::string_view id);
  // For good. False when it was revoked already, the first time stays. Fault::not_found.
  base::Result<bool> revoke(std::string_view id, std::int64_t now_us);
  // It was used. A wait for the disk: now and then is enough.
  base::Status touch(std::string_view id, std::int64_t now_us);

 private:
  Database& database_;
};

}  // namespace retort::store
