// Cache: the folder of entries, and an index of it in memory, which decides who goes; what is
// served is decided by the files.
#include "store/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "kernel/files.h"
#include "store/cache_entry.h"
#include "store/temporary_file.h"
#include "text/digest.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr const char* kSecret = "cache.secret";
constexpr const char* kTemporary = "tmp";
constexpr std::size_t kSecretBytes = 32;
constexpr std::int64_t kMicroseconds = 1'000'000;

Status check_key(std::string_view key) {
  if (text::is_sha256_hex(key)) return {};
  return Error{Fault::invalid, "a key of the compile cache is 64 lower-case hexadecimal digits", 0};
}

Error miss() {
  return Error{Fault::not_found, "not in the compile cache", 0};
}

std::int64_t microseconds(const timespec& time) {
  return time.tv_sec * kMicroseconds + time.tv_nsec / 1000;
}

// The file's time of modification is that of its last use, for the next server.
void mark_used(const Fd& file, std::int64_t now_us) {
  const timespec time{.tv_sec = now_us / kMicroseconds, .tv_nsec = now_us % kMicroseconds * 1000};
  const timespec times[] = {time, time};
  (void)::futimens(file.get(), times);  // without it, it goes a little early
}

Result<std::string> read_secret(const Fd& file) {
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return os_error("fstat", kSecret);
  if (!S_ISREG(facts.st_mode) || (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{Fault::denied,
                 "state folder: others can read cache.secret; remove it and the folder cache, "
                 "which will be made anew",
                 0};
  }
  std::string secret(kSecretBytes + 1, '\0');
  RETORT_TRY(const std::size_t count,
             kernel::read_full(file, std::as_writable_bytes(std::span(secret))));
  if (count != kSecretBytes) {
    return Error{
        Fault::invalid, "state folder: cache.secret is not one; remove it, to get another", 0};
  }
  secret.resize(kSecretBytes);
  return secret;
}

Result<std::string> obtain_secret(const Fd& state, const Fd& temporary) {
  auto file = kernel::open_at(state.get(), kSecret, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file) return read_secret(*file);
  if (file.error().fault != Fault::not_found) return file.error();
  std::string secret = text::random_bytes(kSecretBytes);
  RETORT_TRY(TemporaryFile made, TemporaryFile::create(temporary));
  RETORT_CHECK(kernel::write_all(made.file(), secret));
  RETORT_CHECK(sync(made.file(), kSecret));
  RETORT_CHECK(made.publish(state, kSecret));
  RETORT_CHECK(sync(state, "the state folder"));
  return secret;
}

}  // namespace

Result<Cache> Cache::open(const Fd& state, CacheBounds bounds) {
  RETORT_TRY(Fd folder, open_folder(state, "cache"));
  RETORT_TRY(Fd temporary, open_folder(folder, kTemporary));
  RETORT_CHECK(empty_folder(temporary));
  RETORT_TRY(std::string secret, obtain_secret(state, temporary));
  Cache cache(std::move(folder), std::move(temporary), std::move(secret), bounds);
  RETORT_CHECK(cache.index());
  return cache;
}

Status Cache::index() {
  RETORT_TRY(const auto names, names_in(folder_));
  for (const std::string& name : names) {
    struct stat facts{};
    if (!text::is_sha256_hex(name)) continue;
    if (::fstatat(folder_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      return os_error("stat", "cache/" + name);
    }
    note(name,
         {.bytes = static_cast<std::uint64_t>(facts.st_size),
          .used_us = microseconds(facts.st_mtim)});
  }
  return {};
}

Status Cache::put(std::string_view key, const Fd& content, std::int64_t now_us) {
  RETORT_CHECK(check_key(key));
  struct stat facts{};
  if (::fstat(content.get(), &facts) != 0) return os_error("fstat", "what is to be cached");
  if (static_cast<std::uint64_t>(facts.st_size) + kCacheHeaderBytes > bounds_.most.bytes()) {
    return Error{Fault::exhausted, "larger than the compile cache may be", 0};
  }
  const std::string name(key);
  const auto within = [&](const Error& error) { return error.within("cache/" + name); };
  RETORT_TRY(TemporaryFile file, TemporaryFile::create(temporary_));
  const auto written = write_cache_entry(file.file(), key, content, secret_);
  if (!written) return within(written.error());
  mark_used(file.file(), now_us);
  RETORT_CHECK(file.publish(folder_, name));
  note(name, {.bytes = *written, .used_us = now_us});
  if (const auto evicted = evict(now_us); !evicted) return within(evicted.error());
  return {};
}

Result<Fd> Cache::get(std::string_view key, std::int64_t now_us) {
  RETORT_CHECK(check_key(key));
  auto content = take(std::string(key), now_us);
  if (content) {
    ++hits_;
  } else if (content.error().fault == Fault::not_found) {
    ++misses_;
  }
  return content;
}

Result<Fd> Cache::take(const std::string& key, std::int64_t now_us) {
  // O_NONBLOCK: a FIFO in its place shall not hold us.
  const auto file =
      kernel::open_at(folder_.get(), key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file && file.error().fault == Fault::not_found) {
    forget(key);
    return miss();
  }
  // ELOOP, ENXIO: a link, a socket; nothing that we have put there.
  const bool is_foreign =
      !file && (file.error().os_errno == ELOOP || file.error().os_errno == ENXIO);
  if (!file && !is_foreign) return file.error();
  if (!is_foreign) {
    auto content = read_cache_entry(*file, key, secret_);
    if (content) {
      mark_used(*file, now_us);
      struct stat facts{};
      if (::fstat(file->get(), &facts) == 0) {
        note(key, {.bytes = static_cast<std::uint64_t>(facts.st_size), .used_us = now_us});
      }
      return content;
    }
    if (content.error().fault != Fault::invalid) return content;
  }
  ++refused_;
  RETORT_CHECK(remove(key));
  return miss();
}

CacheFigures Cache::figures() const {
  return {.entries = entries_.size(),
          .bytes = bytes_,
          .hits = hits_,
          .misses = misses_,
          .refused = refused_};
}

Status Cache::remove(const std::string& key) {
  const auto gone = [&](int flags) {
    return ::unlinkat(folder_.get(), key.c_str(), flags) == 0 || errno == ENOENT;
  };
  if (!gone(0) && (errno != EISDIR || !gone(AT_REMOVEDIR))) return os_error("unlink", key);
  forget(key);
  return {};
}

void Cache::forget(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  entries_.erase(found);
}

void Cache::note(const std::string& key, Entry entry) {
  Entry& place = entries_[key];
  bytes_ += entry.bytes - place.bytes;
  place = entry;
}

Result<std::uint64_t> Cache::evict(std::int64_t now_us) {
  const std::int64_t oldest_us = now_us - bounds_.oldest.count();
  std::vector<std::pair<std::int64_t, std::string>> by_use;
  const bool is_over = bytes_ > bounds_.most.bytes();
  for (const auto& [key, entry] : entries_) {
    if (is_over || entry.used_us < oldest_us) by_use.emplace_back(entry.used_us, key);
  }
  std::ranges::sort(by_use);
  std::uint64_t removed = 0;
  for (const auto& [used_us, key] : by_use) {
    if (used_us >= oldest_us && bytes_ <= bounds_.most.bytes()) break;
    RETORT_CHECK(remove(key));
    ++removed;
  }
  return removed;
}

}  // namespace retort::store
