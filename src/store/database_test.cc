// Database: durable, exclusive in its transactions, and refused when it is not sound.
#include "store/database.h"

#include <thread>

#include "store/test_support.h"

namespace retort::store {
namespace {

constexpr const char* kTable[] = {"CREATE TABLE t (n INTEGER, s TEXT) STRICT"};

std::int64_t count_of(Database& database) {
  auto row = database.prepare("SELECT count(*) FROM t");
  EXPECT_TRUE(row && *row->step());
  return row->integer(0);
}

TEST(Database, IsReadableByItsOwnerAloneWithItsLog) {
  const TestFolder folder;
  const auto database = open_database(folder);
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"}) {
    struct stat facts{};
    ASSERT_EQ(::stat((folder / name).c_str(), &facts), 0) << name;
    EXPECT_EQ(facts.st_mode & 07777U, 0600U) << name;
  }
}

TEST(Database, WaitsForTheDiskAtEveryCommit) {
  const TestFolder folder;
  const auto database = open_database(folder);
  auto row = database->prepare("PRAGMA synchronous");
  ASSERT_TRUE(row && *row->step());
  EXPECT_EQ(row->integer(0), 2);  // FULL
  row = database->prepare("PRAGMA journal_mode");
  ASSERT_TRUE(row && *row->step());
  EXPECT_EQ(row->text(0), "wal");
  row = database->prepare("PRAGMA foreign_keys");
  ASSERT_TRUE(row && *row->step());
  EXPECT_EQ(row->integer(0), 1);
}

TEST(Database, ReturnsValuesAsTheyWereBound) {
  const TestFolder folder;
  const auto database =
      *Database::open(folder.database(), Database::Check::none, std::span(kTable));
  const std::string bytes("a\0'; DROP TABLE t; --\xFF", 22);
  ASSERT_TRUE(database->run("INSERT INTO t VALUES (?1, ?2), (?3, ?4), (?5, ?6)",
                            std::int64_t{-1},
                            bytes,
                            std::optional<std::int64_t>(),
                            std::optional<std::string>(),
                            std::int64_t{1} << 62,
                            std::string_view()));
  auto row = database->prepare("SELECT n, s, s IS NULL FROM t ORDER BY rowid");
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->integer(0), -1);
  EXPECT_EQ(row->text(1), bytes);
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->maybe_integer(0), std::nullopt);
  EXPECT_EQ(row->integer(2), 1);
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->maybe_integer(0), std::int64_t{1} << 62);
  EXPECT_EQ(row->integer(2), 0) << "an empty text is not NULL";
  EXPECT_FALSE(*row->step());
}

TEST(Database, KeepsWhatWasCommittedAndNothingElseWhenItsProcessIsKilled) {
  const TestFolder folder;
  ASSERT_TRUE(run_and_kill(
      folder,
      [](Database& database) {
        if (!database.run("INSERT INTO t VALUES (1, 'kept')")) return false;
        const auto transaction = Transaction::begin(database);
        const bool inserted = database.run("INSERT INTO t VALUES (2, 'lost')").has_value();
        if (inserted) ::raise(SIGKILL);
        return false;
      },
      kTable));
  const auto database =
      *Database::open(folder.database(), Database::Check::after_unclean_end, std::span(kTable));
  auto row = database->prepare("SELECT n FROM t");
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->integer(0), 1);
  EXPECT_FALSE(*row->step());
}

TEST(Database, UndoesATransactionThatWasNotCommitted) {
  const TestFolder folder;
  const auto database =
      *Database::open(folder.database(), Database::Check::none, std::span(kTable));
  {
    auto transaction = Transaction::begin(*database);
    ASSERT_TRUE(transaction && database->run("INSERT INTO t VALUES (1, 'a')"));
  }
  EXPECT_EQ(count_of(*database), 0);
  {
    auto transaction = Transaction::begin(*database);
    ASSERT_TRUE(transaction && database->run("INSERT INTO t VALUES (1, 'a')"));
    ASSERT_TRUE(transaction->commit());
  }
  EXPECT_EQ(count_of(*database), 1);
}

TEST(Database, MigratesForwardOnceAndKeepsWhatIsThere) {
  const TestFolder folder;
  {
    const auto database =
        *Database::open(folder.database(), Database::Check::none, std::span(kTable));
    ASSERT_TRUE(database->run("INSERT INTO t VALUES (1, 'kept')"));
  }
  const char* const newer[] = {kTable[0], "ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'new'"};
  for (int round = 0; round < 2; ++round) {
    const auto database = Database::open(folder.database(), Database::Check::none, newer);
    ASSERT_TRUE(database) << database.error().what;
    auto row = (*database)->prepare("SELECT s, more FROM t");
    ASSERT_TRUE(row && *row->step());
    EXPECT_EQ(row->text(0) + row->text(1), "keptnew");
  }
  const auto older = Database::open(folder.database(), Database::Check::none, std::span(kTable));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().fault, base::Fault::unsupported);
  EXPECT_NE(older.error().what.find(folder.database() + " was written by a newer retort"),
            std::string::npos);
}

TEST(Database, LeavesTheSchemaAsItWasWhenAStepFails) {
  const TestFolder folder;
  ASSERT_TRUE(Database::open(folder.database(), Database::Check::none, std::span(kTable)));
  const char* const broken[] = {kTable[0], "CREATE TABLE u (n INTEGER)", "CREATE NONSENSE"};
  EXPECT_FALSE(Database::open(folder.database(), Database::Check::none, broken));
  const auto database = Database::open(folder.database(), Database::Check::none, std::span(kTable));
  ASSERT_TRUE(database) << database.error().what;
  EXPECT_FALSE((*database)->prepare("SELECT * FROM u"));
}

TEST(Database, IsMadeOnceByManyProcessesAtOnce) {
  const TestFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto database = Database::open(folder.database(), Database::Check::none, std::span(kTable));
      if (!database) (void)std::fprintf(stderr, "%s\n", database.error().what.c_str());
      bool good = database.has_value();
      for (int k = 0; good && k < 20; ++k) {
        good = (*database)->run("INSERT INTO t VALUES (1, 'x')").has_value();
      }
      database = base::Error{};
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto database =
      *Database::open(folder.database(), Database::Check::none, std::span(kTable));
  EXPECT_EQ(count_of(*database), 8 * 20);
}

void expect_refused_as_damaged(const TestFolder& folder) {
  const auto opened =
      Database::open(folder.database(), Database::Check::after_unclean_end, std::span(kTable));
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().what.find("database " + folder.database() + " is damaged"),
            std::string::npos)
      << opened.error().what;
  EXPECT_NE(opened.error().what.find("put a copy back"), std::string::npos);
  EXPECT_EQ(opened.error().what.find('\n'), std::string::npos);
}

TEST(Database, IsRefusedWhenItIsNone) {
  const TestFolder folder;
  write_content(folder.database(), std::string(8192, 'x'));
  expect_refused_as_damaged(folder);
}

TEST(Database, IsRefusedWhenItWasDamagedAndNotClosed) {
  const TestFolder folder;
  {
    const auto database =
        *Database::open(folder.database(), Database::Check::none, std::span(kTable));
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(
          database->run("INSERT INTO t VALUES (?1, ?2)", std::int64_t{i}, std::string(500, 'x')));
    }
  }
  ASSERT_TRUE(run_and_kill(
      folder,
      [](Database& database) { return database.run("CREATE TABLE last (n INTEGER)").has_value(); },
      kTable));
  std::string bytes = content_of(folder.database());
  ASSERT_GT(bytes.size(), 12U * 4096U);
  // In the middle, a page of the tree: all its cells lie elsewhere.
  bytes.replace(8UL * 4096, 512, std::string(512, '\x5A'));
  write_content(folder.database(), bytes);
  expect_refused_as_damaged(folder);
}

TEST(Database, ReportsDamageThatItMeetsLater) {
  const TestFolder folder;
  {
    const auto database =
        *Database::open(folder.database(), Database::Check::none, std::span(kTable));
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(
          database->run("INSERT INTO t VALUES (?1, ?2)", std::int64_t{i}, std::string(500, 'x')));
    }
  }
  std::string bytes = content_of(folder.database());
  bytes.replace(8UL * 4096, 512, std::string(512, '\x5A'));
  write_content(folder.database(), bytes);
  const auto database =
      *Database::open(folder.database(), Database::Check::none, std::span(kTable));
  const auto changed = database->run("UPDATE t SET n = n + 1");
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().what.find("is damaged"), std::string::npos);
}

TEST(Database, IsNotFollowedThroughALink) {
  const TestFolder folder;
  ASSERT_EQ(::symlink("elsewhere", folder.database().c_str()), 0);
  EXPECT_FALSE(Database::open(folder.database(), Database::Check::none));
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

}  // namespace
}  // namespace retort::store
