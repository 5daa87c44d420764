// Storage: what the server keeps, reached from its one thread of I/O by tasks that wait.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "api/settings.h"
#include "async/worker.h"
#include "base/error.h"
#include "base/fd.h"
#include "job/bundling.h"
#include "job/compile_cache.h"
#include "store/audit.h"
#include "store/blobs.h"
#include "store/cache.h"
#include "store/database.h"
#include "store/jobs.h"
#include "store/keys.h"
#include "store/webhooks.h"

namespace retort::api {

// In the state folder.
constexpr const char* kDatabaseName = "retort.db";

// Microseconds since 1970, UTC.
std::int64_t utc_now_us();

class Storage {
 public:
  // For the worker's thread alone.
  struct Stores {
    store::Database& database;  // for what is one transaction over several of the rest
    store::Jobs jobs;
    store::Webhooks webhooks;
    store::Keys keys;
    store::Audit audit;
    store::Blobs& blobs;
  };

  // Takes the lock of the state folder: a second server is refused (Fault::busy).
  static base::Result<std::unique_ptr<Storage>> open(const Settings& settings);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // `work(stores)` on the thread of the database.
  template <typename Work>
  [[nodiscard]] async::Task<std::invoke_result_t<Work, Stores&>> run(Work work) {
    auto call = [this, work = std::move(work)]() mutable { return work(*stores_); };
    return database_worker_.run(std::move(call));
  }
  // `work(cache)` on a thread that no commit keeps waiting.
  template <typename Work>
  [[nodiscard]] async::Task<std::invoke_result_t<Work, store::Cache&>> with_cache(Work work) {
    auto call = [this, work = std::move(work)]() mutable { return work(*cache_); };
    return cache_worker_.run(std::move(call));
  }
  // Is there a key that is neither revoked nor expired? Only before the first `run`.
  base::Result<bool> has_valid_key();
  // `work()` on a thread for long reads and writes of files, which keeps nobody else waiting.
  template <typename Work>
  [[nodiscard]] async::Task<std::invoke_result_t<Work>> with_files(Work work) {
    return file_worker_.run(std::move(work));
  }
  [[nodiscard]] bool has_cache() const { return cache_.has_value(); }

 private:
  Storage() = default;

  base::Fd folder_;
  base::Fd lock_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Blobs> blobs_;
  std::optional<Stores> stores_;
  std::optional<store::Cache> cache_;
  // Last: their threads end before what they work on goes.
  async::Worker database_worker_;
  async::Worker cache_worker_;
  async::Worker file_worker_;
};

// The compile cache's entries on the disk.
class DiskShelf : public job::CompileCache::Shelf {
 public:
  // Both outlive it.
  DiskShelf(async::Executor executor, Storage& storage)
      : executor_(std::move(executor)), storage_(storage) {}

  void get(const std::string& key, job::CompileCache::Answer answer) override;
  void put(const std::string& key, base::Fd entry) override;

 private:
  async::Executor executor_;
  Storage& storage_;
};

// The thread for files, for copies that jobs need.
class FileAside : public job::Aside {
 public:
  // Both outlive it.
  FileAside(async::Executor executor, Storage& storage)
      : executor_(std::move(executor)), storage_(storage) {}

  void run(Work work, Work done) override;

 private:
  async::Executor executor_;
  Storage& storage_;
};

}  // namespace retort::api
