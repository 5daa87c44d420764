// Blobs: files by digest, and rows that say whose they are. A row is written after its file is
// durable and removed before it, so that a crash in between leaves a file that is nobody's, which
// the next start removes.
#include "store/blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "kernel/files.h"
#include "text/encodings.h"

namespace retort::store {

using base::ByteSize;
using base::Error;
using base::Fault;
using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// A use is noted when the last note is so old: it costs a wait for the disk.
constexpr std::int64_t kNoteAfterUs = 60'000'000;

constexpr std::size_t kFolderDigits = 2;
constexpr const char* kTemporary = "tmp";

Error no_such_blob(std::string_view sha256) {
  return Error{Fault::not_found, "there is no blob " + std::string(sha256), 0};
}

Status check_name(std::string_view sha256) {
  if (text::is_sha256_hex(sha256)) return {};
  return Error{Fault::invalid, "a blob's name is 64 lower-case hexadecimal digits (SHA-256)", 0};
}

// "ab/cdef…" of "abcdef…".
std::string path_of(std::string_view sha256) {
  return std::string(sha256.substr(0, kFolderDigits))
      .append("/")
      .append(sha256.substr(kFolderDigits));
}

}  // namespace

Status Upload::append(std::string_view bytes) {
  if (is_over_) return Error{Fault::invalid, "this upload is over", 0};
  if (bytes.size() > limit_.bytes() - size_) {
    is_over_ = true;
    return Error{Fault::invalid, "blob " + sha256_ + ": more than " + base::to_text(limit_), 0};
  }
  if (const Status written = kernel::write_all(file_.file(), bytes); !written) {
    is_over_ = true;
    return written.error().within("blob " + sha256_);
  }
  digest_.update(bytes);
  size_ += bytes.size();
  return {};
}

Status Upload::flush() {
  if (is_over_) return Error{Fault::invalid, "this upload is over", 0};
  while (::fdatasync(file_.file().get()) != 0) {
    if (errno == EINTR) continue;
    is_over_ = true;
    return os_error("fdatasync", "blob " + sha256_);
  }
  return {};
}

Result<bool> Upload::commit(std::string_view owner, ByteSize most_of_owner, std::int64_t now_us) {
  if (is_over_) return Error{Fault::invalid, "this upload is over", 0};
  is_over_ = true;
  const std::string actual = text::hex(text::bytes_of(digest_.finish()));
  if (actual != sha256_) {
    return Error{
        Fault::invalid, "blob " + sha256_ + ": the SHA-256 of what was sent is " + actual, 0};
  }
  RETORT_TRY(const bool has_room, blobs_->has_room(owner, sha256_, size_, most_of_owner));
  if (!has_room) return false;
  RETORT_CHECK(blobs_->add(*this, owner, now_us));
  return true;
}

Result<std::unique_ptr<Blobs>> Blobs::open(Database& database, const Fd& state) {
  RETORT_TRY(Fd folder, open_folder(state, "blobs"));
  RETORT_TRY(Fd temporary, open_folder(folder, kTemporary));
  RETORT_CHECK(sync(state, "the state folder"));
  std::unique_ptr<Blobs> blobs(new Blobs(database, std::move(folder), std::move(temporary)));
  RETORT_CHECK(empty_folder(*blobs->temporary_));
  RETORT_CHECK(blobs->reconcile());
  return blobs;
}

Status Blobs::reconcile() {
  RETORT_TRY(const auto folders, names_in(folder_));
  for (const std::string& start : folders) {
    if (start.size() != kFolderDigits) continue;  // kTemporary, and what is none of ours
    RETORT_TRY(const Fd folder,
               kernel::open_at(folder_.get(), start, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    RETORT_TRY(const auto names, names_in(folder));
    for (const std::string& name : names) {
      RETORT_TRY(const bool owned, is_owned(start + name));
      if (!owned && ::unlinkat(folder.get(), name.c_str(), 0) != 0) {
        return os_error("unlink", "blobs/" + start + "/" + name);
      }
    }
  }
  std::vector<std::string> missing;
  RETORT_TRY(Statement row, database_.prepare("SELECT DISTINCT sha256 FROM blob_owner"));
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) break;
    std::string sha256 = row.text(0);
    struct stat facts{};
    if (::fstatat(folder_.get(), path_of(sha256).c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) {
      continue;
    }
    if (errno != ENOENT) return os_error("stat", "blobs/" + path_of(sha256));
    missing.push_back(std::move(sha256));
  }
  for (const std::string& sha256 : missing) {
    RETORT_CHECK(database_.run("DELETE FROM blob_owner WHERE sha256 = ?1", sha256));
  }
  return {};
}

Result<Upload> Blobs::upload(std::string_view sha256, ByteSize limit) {
  RETORT_CHECK(check_name(sha256));
  RETORT_TRY(TemporaryFile file, TemporaryFile::create(*temporary_));
  return Upload(*this, temporary_, std::string(sha256), limit, std::move(file));
}

// A blob that is there already is written over by its equal: that takes as long as a new one, so
// that the time tells nothing, and mends a file that the disk has damaged.
Status Blobs::add(Upload& upload, std::string_view owner, std::int64_t now_us) {
  const std::string& sha256 = upload.sha256_;
  const std::string within = "blob " + sha256;
  const Fd& file = upload.file_.file();
  if (::fchmod(file.get(), S_IRUSR) != 0) return os_error("fchmod", within);
  if (const Status synced = sync(file, within); !synced) return synced;
  const std::string start = sha256.substr(0, kFolderDigits);
  RETORT_TRY(const Fd folder, open_folder(folder_, start));
  RETORT_CHECK(upload.file_.publish(folder, sha256.substr(kFolderDigits)));
  const auto keep = [&]() -> Status {
    RETORT_CHECK(sync(folder, within));
    RETORT_CHECK(sync(folder_, "blobs"));
    RETORT_CHECK(
        database_.run("INSERT INTO blob_owner (sha256, owner, size, last_used_us) "
                      "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sha256, owner) DO UPDATE "
                      "SET last_used_us = excluded.last_used_us",
                      sha256,
                      owner,
                      static_cast<std::int64_t>(upload.size_),
                      now_us));
    return {};
  };
  const Status kept = keep();
  if (kept) {
    ownerless_.erase(sha256);
    return {};
  }
  const auto owned = is_owned(sha256);
  if (owned && !*owned && !is_held(sha256)) (void)remove_file(sha256);
  return kept.error().within(within);
}

Result<Blob> Blobs::open(std::string_view owner, std::string_view sha256, std::int64_t now_us) {
  RETORT_CHECK(check_name(sha256));
  RETORT_TRY(Statement row,
             database_.prepare("SELECT size, last_used_us FROM blob_owner "
                               "WHERE sha256 = ?1 AND owner = ?2",
                               sha256,
                               owner));
  RETORT_TRY(const bool is_there, row.step());
  if (!is_there) return no_such_blob(sha256);
  const std::int64_t size = row.integer(0);
  const std::int64_t last_used_us = row.integer(1);
  const std::string path = path_of(sha256);
  RETORT_TRY(Fd file, kernel::open_at(folder_.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return os_error("fstat", "blobs/" + path);
  if (!S_ISREG(facts.st_mode) || facts.st_size != size) {
    return Error{Fault::internal,
                 "state folder: blobs/" + path + " is not what was stored; upload it again",
                 0};
  }
  if (now_us - last_used_us >= kNoteAfterUs) {
    const auto noted = database_.run(
        "UPDATE blob_owner SET last_used_us = ?1 "
        "WHERE sha256 = ?2 AND owner = ?3",
        now_us,
        sha256,
        owner);
    // A full disk keeps nobody from reading; the use is noted another time.
    if (!noted && noted.error().fault != Fault::exhausted) return noted.error();
  }
  return Blob{.file = std::move(file),
              .size = static_cast<std::uint64_t>(size),
              .hold = hold(std::string(sha256))};
}

Result<bool> Blobs::remove(std::string_view owner, std::string_view sha256) {
  RETORT_CHECK(check_name(sha256));
  RETORT_TRY(
      const std::int64_t removed,
      database_.run("DELETE FROM blob_owner WHERE sha256 = ?1 AND owner = ?2", sha256, owner));
  if (removed == 0) return false;
  const std::string name(sha256);
  RETORT_TRY(const bool owned, is_owned(name));
  if (owned) return true;
  if (is_held(name)) {
    ownerless_.insert(name);
  } else {
    RETORT_CHECK(remove_file(name));
  }
  return true;
}

Result<std::int64_t> Blobs::evict(std::int64_t older_than_us, ByteSize most) {
  std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
  std::int64_t files = 0;
  for (auto next = ownerless_.begin(); next != ownerless_.end();) {
    if (is_held(*next)) {
      ++next;
      continue;
    }
    RETORT_CHECK(remove_file(*next));
    ++files;
    next = ownerless_.erase(next);
  }
  struct Candidate {
    std::string sha256;
    std::int64_t size;
    std::int64_t last_used_us;
  };
  std::vector<Candidate> candidates;
  std::uint64_t total = 0;
  {
    RETORT_TRY(Statement row,
               database_.prepare("SELECT sha256, size, max(last_used_us) FROM blob_owner "
                                 "GROUP BY sha256 ORDER BY 3, 1"));
    for (;;) {
      RETORT_TRY(const bool more, row.step());
      if (!more) break;
      candidates.push_back({row.text(0), row.integer(1), row.integer(2)});
      total += static_cast<std::uint64_t>(candidates.back().size);
    }
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.last_used_us >= older_than_us && total <= most.bytes()) break;
    if (is_held(candidate.sha256)) continue;
    RETORT_CHECK(database_.run("DELETE FROM blob_owner WHERE sha256 = ?1", candidate.sha256));
    RETORT_CHECK(remove_file(candidate.sha256));
    total -= static_cast<std::uint64_t>(candidate.size);
    ++files;
  }
  // Rows of owners who have not used what another still does.
  RETORT_TRY(Statement row,
             database_.prepare("SELECT sha256, owner FROM blob_owner WHERE last_used_us < ?1",
                               older_than_us));
  std::vector<std::pair<std::string, std::string>> old;
  for (;;) {
    RETORT_TRY(const bool more, row.step());
    if (!more) break;
    old.emplace_back(row.text(0), row.text(1));
  }
  for (const auto& [sha256, owner] : old) {
    if (is_held(sha256)) continue;
    RETORT_CHECK(remove(owner, sha256));
  }
  return files;
}

Result<BlobUsage> Blobs::usage() {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT count(*), coalesce(sum(size), 0) FROM "
                               "(SELECT max(size) AS size FROM blob_owner GROUP BY sha256)"));
  RETORT_CHECK(row.step());
  return BlobUsage{.blobs = row.integer(0), .bytes = row.integer(1)};
}

Result<BlobUsage> Blobs::usage(std::string_view owner) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT count(*), coalesce(sum(size), 0) FROM blob_owner "
                               "WHERE owner = ?1",
                               owner));
  RETORT_CHECK(row.step());
  return BlobUsage{.blobs = row.integer(0), .bytes = row.integer(1)};
}

Result<bool> Blobs::has_room(std::string_view owner,
                             std::string_view sha256,
                             std::uint64_t size,
                             ByteSize most) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT coalesce(sum(size), 0) FROM blob_owner "
                               "WHERE owner = ?1 AND sha256 <> ?2",
                               owner,
                               sha256));
  RETORT_CHECK(row.step());
  const auto others = static_cast<std::uint64_t>(row.integer(0));
  return size <= most.bytes() && others <= most.bytes() - size;
}

bool Blobs::is_held(const std::string& sha256) const {
  const auto found = held_.find(sha256);
  return found != held_.end() && !found->second.expired();
}

Hold Blobs::hold(const std::string& sha256) {
  std::weak_ptr<const std::string>& place = held_[sha256];
  Hold held = place.lock();
  if (held == nullptr) {
    held = std::make_shared<const std::string>(sha256);
    place = held;
  }
  return held;
}

Result<bool> Blobs::is_owned(const std::string& sha256) {
  RETORT_TRY(Statement row,
             database_.prepare("SELECT 1 FROM blob_owner WHERE sha256 = ?1 LIMIT 1", sha256));
  return row.step();
}

Status Blobs::remove_file(const std::string& sha256) {
  const std::string path = path_of(sha256);
  if (::unlinkat(folder_.get(), path.c_str(), 0) != 0 && errno != ENOENT) {
    return os_error("unlink", "blobs/" + path);
  }
  return {};
}

}  // namespace retort::store
