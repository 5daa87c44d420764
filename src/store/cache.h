// Cache: what compilers made, kept by a key that names everything it was made of; files
// PATH/cache/KEY. An entry is served only when it verifies (store/cache_entry.h) with the secret in
// PATH/cache.secret; what does not is removed and counted. Nothing here needs to outlive a crash:
// a missing entry is made again.
//
// Times are microseconds since 1970, UTC, and the caller's. Threads: one at a time, and it waits
// for the disk. For the server alone (store/state_folder.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"

namespace retort::store {

struct CacheBounds {
  base::ByteSize most;    // of all files together
  base::Duration oldest;  // since the last use
};

struct CacheFigures {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;   // entries that were refused among them
  std::uint64_t refused = 0;  // did not verify
};

class Cache {
 public:
  // Makes folder and secret (0600) when they are missing, and removes what dead servers left half
  // written. Fault::denied when others can read the secret.
  static base::Result<Cache> open(const base::Fd& state, CacheBounds bounds);

  // Keeps what `content`, a memory file, holds, in the place of an older entry of this key; then
  // the least recently used go until the bounds hold. `key` is 64 lower-case hexadecimal digits
  // (Fault::invalid). Fault::exhausted when it is larger than all the cache may be, or the disk is
  // full; nothing is left then.
  base::Status put(std::string_view key, const base::Fd& content, std::int64_t now_us);

  // A sealed memory file with the content, at its start. Fault::not_found: a miss. Other errors
  // mean that the entry may be sound and could not be had now.
  base::Result<base::Fd> get(std::string_view key, std::int64_t now_us);

  // Removes what is too old, and the least recently used that are too many; how many.
  base::Result<std::uint64_t> evict(std::int64_t now_us);

  [[nodiscard]] CacheFigures figures() const;

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    std::int64_t used_us = 0;
  };

  Cache(base::Fd folder, base::Fd temporary, std::string secret, CacheBounds bounds)
      : folder_(std::move(folder)),
        temporary_(std::move(temporary)),
        secret_(std::move(secret)),
        bounds_(bounds) {}

  base::Status index();
  base::Result<base::Fd> take(const std::string& key, std::int64_t now_us);
  base::Status remove(const std::string& key);
  void forget(const std::string& key);
  void note(const std::string& key, Entry entry);

  base::Fd folder_;
  base::Fd temporary_;
  std::string secret_;
  CacheBounds bounds_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint64_t bytes_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace retort::store
