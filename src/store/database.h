// Database: SQLite, typed and thin. The only place that includes it.
//
// Synchronous: a commit returns when it is on the disk (WAL, synchronous=FULL), so it belongs on a
// background thread; one thread at a time, whichever that is. Several processes may have the file
// open: writers wait for each other, for at most kBusyTimeout.
//
// Errors of every call below: Fault::exhausted (the disk is full; with ENOMEM: the memory is; with
// ETIMEDOUT: another process kept the file for too long), Fault::denied, Fault::internal (the file
// is damaged; the line says which and what to do).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace retort::store {

constexpr std::chrono::milliseconds kBusyTimeout{5000};

// The steps from an empty file to the present schema, in order; each is applied once, ever.
std::span<const char* const> schema();

// One SQL statement with its parameters bound.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // True: a row is there to be read. False: the statement is done.
  base::Result<bool> step();

  // Columns count from 0. NULL reads as 0, "" or nothing.
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* database, const std::string* path, sqlite3_stmt* statement)
      : database_(database), path_(path), statement_(statement) {}

  base::Status bind(int place, std::int64_t value);
  base::Status bind(int place, std::string_view text);
  base::Status bind(int place, std::nullopt_t nothing);
  template <typename T>
  base::Status bind(int place, const std::optional<T>& value) {
    return value ? bind(place, *value) : bind(place, std::nullopt);
  }

  sqlite3* database_;
  const std::string* path_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Check {
    none,
    // For a server's start: when the last process to use the file did not close it, all of it is
    // read (PRAGMA quick_check), and a damaged one is refused.
    after_unclean_end,
  };

  // Opens the file, makes it (0600) when it is missing, and brings its schema up to date. A schema
  // newer than `migrations` is Fault::unsupported.
  static base::Result<std::unique_ptr<Database>> open(
      std::string path, Check check, std::span<const char* const> migrations = schema());

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() = default;

  // `values` are bound to ?1, ?2, … in order: std::int64_t, text, or optionals of them. Text may
  // hold any byte.
  template <typename... Values>
  base::Result<Statement> prepare(std::string_view sql, const Values&... values) {
    RETORT_TRY(Statement statement, prepare_bare(sql));
    base::Status bound;
    int place = 0;
    ((bound = bound ? statement.bind(++place, values) : bound), ...);
    if (!bound) return bound.error();
    return statement;
  }

  // Runs one statement to its end; the number of rows that it changed.
  template <typename... Values>
  base::Result<std::int64_t> run(std::string_view sql, const Values&... values) {
    RETORT_TRY(Statement statement, prepare(sql, values...));
    return finish(statement);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(std::string path) : path_(std::move(path)) {}

  base::Result<Statement> prepare_bare(std::string_view sql);
  base::Result<std::int64_t> finish(Statement& statement);
  base::Status execute(const char* sql);
  base::Status set_up(bool check_all);
  base::Status migrate(std::span<const char* const> migrations);

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

// All or nothing: what was not committed when it goes is undone. Takes the write lock at once, so
// that what is read in it stays true until the commit.
class Transaction {
 public:
  static base::Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Durable when it returns.
  base::Status commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace retort::store
