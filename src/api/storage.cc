// Storage: opens the state folder's parts in order.
#include "api/storage.h"

#include <algorithm>
#include <chrono>

#include "async/deadline.h"
#include "async/task.h"
#include "store/state_folder.h"

namespace retort::api {

using base::Fd;
using base::Result;

std::int64_t utc_now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

Result<std::unique_ptr<Storage>> Storage::open(const Settings& settings) {
  const std::string& path = settings.server.state;
  std::unique_ptr<Storage> storage(new Storage);
  RETORT_TRY(storage->folder_, store::open_state_folder(path));
  RETORT_TRY(storage->lock_, store::lock_state_folder(storage->folder_, path));
  RETORT_TRY(
      storage->database_,
      store::Database::open(path + "/" + kDatabaseName, store::Database::Check::after_unclean_end));
  store::Database& database = *storage->database_;
  RETORT_TRY(storage->blobs_, store::Blobs::open(database, storage->folder_));
  storage->stores_.emplace(Stores{.database = database,
                                  .jobs = store::Jobs(database),
                                  .webhooks = store::Webhooks(database),
                                  .keys = store::Keys(database),
                                  .audit = store::Audit(database),
                                  .blobs = *storage->blobs_});
  if (settings.cache.enabled) {
    RETORT_TRY(storage->cache_,
               store::Cache::open(storage->folder_,
                                  {.most = settings.cache.size, .oldest = settings.cache.age}));
  }
  return storage;
}

Result<bool> Storage::has_valid_key() {
  RETORT_TRY(const auto keys, stores_->keys.list());
  const std::int64_t now = utc_now_us();
  return std::ranges::any_of(keys, [now](const store::Key& key) {
    return !key.revoked_us && (!key.expires_us || *key.expires_us > now);
  });
}

namespace {

// Calls back from the loop and not from a task: what is thrown there ends the server and not the
// task alone, behind which a job would wait for ever.
template <typename Call>
async::Task<> call_back(Call call) {
  async::asio::post(co_await async::asio::this_coro::executor, std::move(call));
}

// Who waits has to have an answer, also where there was no memory to look.
async::Task<> fetch(Storage& storage, std::string key, job::CompileCache::Answer answer) {
  auto work = [key, now = utc_now_us()](store::Cache& cache) { return cache.get(key, now); };
  auto found = co_await async::caught(storage.with_cache(std::move(work)));
  std::optional<Fd> entry;
  if (found) entry = *std::move(found);
  co_await call_back([answer = std::move(answer), entry = std::move(entry)]() mutable {
    answer(std::move(entry));
  });
}

async::Task<> keep(Storage& storage, std::string key, Fd entry) {
  auto work = [key, entry = std::move(entry), now = utc_now_us()](store::Cache& cache) {
    (void)cache.put(key, entry, now);  // what cannot be kept is compiled again
  };
  co_await storage.with_cache(std::move(work));
}

async::Task<> copy(Storage& storage, job::Aside::Work work, job::Aside::Work done) {
  // What was thrown has left the work undone, and `done` is who finds that out.
  (void)co_await async::caught(storage.with_files(std::move(work)));
  co_await call_back(std::move(done));
}

}  // namespace

void FileAside::run(Work work, Work done) {
  async::spawn(executor_, copy(storage_, std::move(work), std::move(done)));
}

void DiskShelf::get(const std::string& key, job::CompileCache::Answer answer) {
  async::spawn(executor_, fetch(storage_, key, std::move(answer)));
}

void DiskShelf::put(const std::string& key, Fd entry) {
  async::spawn(executor_, keep(storage_, key, std::move(entry)));
}

}  // namespace retort::api
