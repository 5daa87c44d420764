// CacheEntry: the form of one entry of the compile cache, which is trusted only as far as its
// message authentication code goes.
//
// magic (8 bytes), version (u32), 0 (u32), length (u64), HMAC-SHA-256 (32 bytes), content; numbers
// in the machine's order. The code covers all that is before it, the key, and the content: an entry
// that was changed, cut, prolonged, put under another key, or written with another secret does not
// verify.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace retort::store {

constexpr std::uint64_t kCacheHeaderBytes = 56;

// Writes to `entry`, an empty file at its start, what `content`, a file that can be read at any
// place, holds at this moment. The bytes written.
base::Result<std::uint64_t> write_cache_entry(const base::Fd& entry,
                                              std::string_view key,
                                              const base::Fd& content,
                                              std::string_view secret);

// The content in a sealed memory file, at its start. It is verified while it is copied, so that
// what was verified is what is used, whoever writes to the entry meanwhile. Fault::invalid when it
// does not verify; Fault::exhausted when there is no memory for it.
base::Result<base::Fd> read_cache_entry(const base::Fd& entry,
                                        std::string_view key,
                                        std::string_view secret);

}  // namespace retort::store
