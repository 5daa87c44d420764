// Database: sqlite3, with its codes as errors that say which file and what to do.
#include "store/database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include <sqlite3.h>

#include "base/bytes.h"
#include "kernel/files.h"

namespace retort::store {

using base::Error;
using base::Fault;
using base::Result;
using base::Status;

namespace {

Error damaged(const std::string& path, std::string_view how) {
  return Error{Fault::internal,
               "database " + path + " is damaged (" + base::printable(how) +
                   "); end every retort, move it and its -wal and -shm files away or put a copy "
                   "back, and start again",
               0};
}

Fault fault_of(sqlite3* database, int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:  // kBusyTimeout is
    case SQLITE_LOCKED:
      return Fault::exhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return Fault::denied;
    case SQLITE_IOERR: {
      const int number = ::sqlite3_system_errno(database);
      return number == ENOSPC || number == EDQUOT ? Fault::exhausted : Fault::internal;
    }
    case SQLITE_TOOBIG:
      return Fault::invalid;
    default:
      return Fault::internal;
  }
}

Error error_of(sqlite3* database, const std::string& path, int code) {
  const char* const text =
      database != nullptr ? ::sqlite3_errmsg(database) : ::sqlite3_errstr(code);
  const int primary = code & 0xFF;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) return damaged(path, text);
  int number = 0;
  if (primary == SQLITE_NOMEM) number = ENOMEM;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) number = ETIMEDOUT;
  return Error{fault_of(database, code), "database " + path + ": " + text, number};
}

bool has_bytes(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && facts.st_size > 0;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  (void)::sqlite3_finalize(statement);  // repeats the error of the last step
}

Status Statement::bind(int place, std::int64_t value) {
  const int code = ::sqlite3_bind_int64(statement_.get(), place, value);
  if (code != SQLITE_OK) return error_of(database_, *path_, code);
  return {};
}

Status Statement::bind(int place, std::string_view text) {
  // A null pointer would be NULL and not the empty text.
  const char* const data = text.data() != nullptr ? text.data() : "";
  const int code = ::sqlite3_bind_text64(
      statement_.get(), place, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) return error_of(database_, *path_, code);
  return {};
}

Status Statement::bind(int place, std::nullopt_t /*nothing*/) {
  const int code = ::sqlite3_bind_null(statement_.get(), place);
  if (code != SQLITE_OK) return error_of(database_, *path_, code);
  return {};
}

Result<bool> Statement::step() {
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return error_of(database_, *path_, code);
}

std::int64_t Statement::integer(int column) const {
  return ::sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* const data =
      static_cast<const char*>(::sqlite3_column_blob(statement_.get(), column));
  const int size = ::sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  if (::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

void Database::Close::operator()(sqlite3* database) const {
  (void)::sqlite3_close_v2(database);
}

Result<std::unique_ptr<Database>> Database::open(std::string path,
                                                 Check check,
                                                 std::span<const char* const> migrations) {
  // SQLite would make it readable by all; its -wal and -shm files get the mode of this one.
  RETORT_CHECK(kernel::open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  // The last process to close the file removes its log; one that was killed leaves it.
  const bool unclean = has_bytes(path + "-wal");
  std::unique_ptr<Database> database(new Database(std::move(path)));
  sqlite3* opened = nullptr;
  const int code = ::sqlite3_open_v2(
      database->path_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  database->database_.reset(opened);
  if (code != SQLITE_OK) return error_of(opened, database->path_, code);
  RETORT_CHECK(database->set_up(unclean && check == Check::after_unclean_end));
  RETORT_CHECK(database->migrate(migrations));
  return database;
}

Status Database::set_up(bool check_all) {
  sqlite3* const database = database_.get();
  (void)::sqlite3_extended_result_codes(database, 1);
  (void)::sqlite3_busy_timeout(database, static_cast<int>(kBusyTimeout.count()));
  (void)::sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Of two processes that turn a new file to WAL at once, one is told that it is busy at once,
  // whatever the timeout.
  constexpr int kTries = 500;
  constexpr std::chrono::milliseconds kPause{10};
  for (int attempt = 1;; ++attempt) {
    const Status done = execute("PRAGMA journal_mode=WAL");
    if (done) break;
    if (done.error().os_errno != ETIMEDOUT || attempt == kTries) return done.error();
    std::this_thread::sleep_for(kPause);
  }
  RETORT_CHECK(
      execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
              "PRAGMA cell_size_check=ON;"
              // One large transaction does not keep its room in the log for ever.
              "PRAGMA journal_size_limit=67108864"));
  RETORT_TRY(Statement mode, prepare("PRAGMA journal_mode"));
  RETORT_TRY(const bool has_mode, mode.step());
  if (!has_mode || mode.text(0) != "wal") {
    return Error{Fault::unsupported,
                 "database " + path_ +
                     ": this file system does not carry a write-ahead log (WAL); put the state "
                     "folder on a local disk",
                 0};
  }
  if (!check_all) return {};
  RETORT_TRY(Statement checked, prepare("PRAGMA quick_check(1)"));
  RETORT_TRY(const bool has_row, checked.step());
  if (!has_row || checked.text(0) != "ok") return damaged(path_, has_row ? checked.text(0) : "");
  return {};
}

Status Database::migrate(std::span<const char* const> migrations) {
  const auto version = [&]() -> Result<std::size_t> {
    RETORT_TRY(Statement statement, prepare("PRAGMA user_version"));
    RETORT_CHECK(statement.step());
    return static_cast<std::size_t>(statement.integer(0));
  };
  RETORT_TRY(std::size_t present, version());
  if (present < migrations.size()) {
    RETORT_TRY(Transaction transaction, Transaction::begin(*this));
    RETORT_TRY(present, version());  // another process may have been at it
    for (; present < migrations.size(); ++present) RETORT_CHECK(execute(migrations[present]));
    if (present == migrations.size()) {
      // PRAGMA takes no parameters.
      RETORT_CHECK(execute(("PRAGMA user_version=" + std::to_string(present)).c_str()));
    }
    RETORT_CHECK(transaction.commit());
  }
  if (present > migrations.size()) {
    return Error{Fault::unsupported,
                 "database " + path_ + " was written by a newer retort (schema " +
                     std::to_string(present) + ", this one knows " +
                     std::to_string(migrations.size()) + "); use that one",
                 0};
  }
  return {};
}

Result<Statement> Database::prepare_bare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = ::sqlite3_prepare_v2(
      database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), path_, code);
  return Statement(database_.get(), &path_, statement);
}

Result<std::int64_t> Database::finish(Statement& statement) {
  for (;;) {
    RETORT_TRY(const bool more, statement.step());
    if (!more) return ::sqlite3_changes64(database_.get());
  }
}

Status Database::execute(const char* sql) {
  const int code = ::sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), path_, code);
  return {};
}

Result<Transaction> Transaction::begin(Database& database) {
  RETORT_CHECK(database.execute("BEGIN IMMEDIATE"));
  return Transaction(&database);
}

Transaction::~Transaction() {
  // After some errors (a full disk) SQLite has rolled back by itself, and says that there is none.
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Status Transaction::commit() {
  RETORT_CHECK(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace retort::store
