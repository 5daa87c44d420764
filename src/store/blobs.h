// Blobs: large inputs, sent once and named by their SHA-256; files PATH/blobs/ab/cdef….
//
// Each owner sees only what it has uploaded itself, every byte of it, although equal blobs of
// several owners are one file: that a blob is there tells nobody anything.
//
// Times, threads and errors: as store/jobs.h has them; Fault::exhausted when the disk is full, and
// nothing is left half done. A Hold may be let go on any thread. For the server alone (its lock,
// store/state_folder.h): the count of what is held is in its memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "store/database.h"
#include "store/temporary_file.h"
#include "text/digest.h"

namespace retort::store {

class Blobs;

// A blob on its way in. What is not committed leaves nothing behind. `append` and `flush` may be
// called on any one thread at a time; an upload that is not committed may outlive its Blobs.
class Upload {
 public:
  // Fault::invalid when the bytes are more than the upload's limit. After an error only its end is
  // left.
  base::Status append(std::string_view bytes);
  // Everything so far is on the disk: a commit has the less to wait for.
  base::Status flush();
  // The blob is `owner`'s, and durable, when it returns true; false: the owner would have more than
  // `most_of_owner`. Fault::invalid when the bytes are not what was claimed. Once.
  base::Result<bool> commit(std::string_view owner,
                            base::ByteSize most_of_owner,
                            std::int64_t now_us);
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  friend class Blobs;
  Upload(Blobs& blobs,
         std::shared_ptr<const base::Fd> folder,
         std::string sha256,
         base::ByteSize limit,
         TemporaryFile file)
      : blobs_(&blobs),
        folder_(std::move(folder)),
        sha256_(std::move(sha256)),
        limit_(limit),
        file_(std::move(file)) {}

  Blobs* blobs_;
  std::shared_ptr<const base::Fd> folder_;  // of the file, which it outlives
  std::string sha256_;                      // claimed
  base::ByteSize limit_;
  TemporaryFile file_;
  text::Sha256 digest_;
  std::uint64_t size_ = 0;
  bool is_over_ = false;
};

// While one exists, nothing evicts that blob.
using Hold = std::shared_ptr<const std::string>;

struct Blob {
  base::Fd file;  // a regular file, read-only, at its start
  std::uint64_t size = 0;
  Hold hold;
};

struct BlobUsage {
  std::int64_t blobs = 0;
  std::int64_t bytes = 0;
};

class Blobs {
 public:
  // `state` is the state folder; it and `database` must outlive this. Removes what uploads of dead
  // servers left, files that are nobody's, and rows whose file is missing.
  static base::Result<std::unique_ptr<Blobs>> open(Database& database, const base::Fd& state);
  Blobs(const Blobs&) = delete;
  Blobs& operator=(const Blobs&) = delete;
  ~Blobs() = default;

  // `sha256`: what the client says that it sends; Fault::invalid unless it is 64 lower-case
  // hexadecimal digits.
  base::Result<Upload> upload(std::string_view sha256, base::ByteSize limit);

  // Fault::not_found unless this owner has uploaded it.
  base::Result<Blob> open(std::string_view owner, std::string_view sha256, std::int64_t now_us);
  // False when it was not this owner's.
  base::Result<bool> remove(std::string_view owner, std::string_view sha256);

  // Forgets what was not used since `older_than_us`, then the least recently used, until all blobs
  // have at most `most` bytes; how many files went. What is held stays, and counts.
  base::Result<std::int64_t> evict(std::int64_t older_than_us, base::ByteSize most);

  // Of all, each file once; of one owner.
  base::Result<BlobUsage> usage();
  base::Result<BlobUsage> usage(std::string_view owner);
  // Would the owner have at most `most` with so many bytes of this blob? One that it has already is
  // not counted twice.
  base::Result<bool> has_room(std::string_view owner,
                              std::string_view sha256,
                              std::uint64_t size,
                              base::ByteSize most);

 private:
  friend class Upload;
  Blobs(Database& database, base::Fd folder, base::Fd temporary)
      : database_(database),
        folder_(std::move(folder)),
        temporary_(std::make_shared<const base::Fd>(std::move(temporary))) {}

  base::Status reconcile();
  base::Status add(Upload& upload, std::string_view owner, std::int64_t now_us);
  [[nodiscard]] bool is_held(const std::string& sha256) const;
  Hold hold(const std::string& sha256);
  base::Result<bool> is_owned(const std::string& sha256);
  base::Status remove_file(const std::string& sha256);

  Database& database_;
  base::Fd folder_;
  std::shared_ptr<const base::Fd> temporary_;
  std::map<std::string, std::weak_ptr<const std::string>, std::less<>> held_;
  std::set<std::string> ownerless_;  // held when their last owner gave them up
};

}  // namespace retort::store
