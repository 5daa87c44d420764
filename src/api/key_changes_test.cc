// Key changes: no key changes without its entry in the audit log, and no entry without its key.
#include "api/key_changes.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "store/audit.h"

namespace retort::api {
namespace {

constexpr std::int64_t kNow = 1'000'000;

class KeyChangesTest : public testing::Test {
 public:
  KeyChangesTest() {
    auto opened = store::Database::open(path_.string(), store::Database::Check::none);
    EXPECT_TRUE(opened) << opened.error().what;
    if (opened) database_ = *std::move(opened);
  }
  ~KeyChangesTest() override {
    database_.reset();
    for (const char* const suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(path_.string() + suffix);
  }

  std::size_t entries() { return store::Audit(*database_).list(0, 100)->size(); }
  std::size_t keys() { return store::Keys(*database_).list()->size(); }
  static store::NewKey wanted() {
    store::NewKey key;
    key.name = "one";
    key.scopes = store::scope::kRun;
    return key;
  }
  // More than an entry may have.
  static KeyChange by_somebody_too_long() {
    return {.actor = std::string(store::kLongestAuditEntry + 1, 'a'), .now_us = kNow};
  }
  static KeyChange by_operator() { return {.actor = kOperator, .now_us = kNow}; }

  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) /
                                ("retort-key-changes-" + std::to_string(::getpid()) + ".db");
  std::unique_ptr<store::Database> database_;
};

TEST_F(KeyChangesTest, AKeyThatIsMadeIsInTheLog) {
  const auto created = create_key(*database_, wanted(), by_operator());
  ASSERT_TRUE(created) << created.error().what;
  const auto entries = store::Audit(*database_).list(0, 100);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().action, "key.create");
  EXPECT_EQ(entries->front().object, created->key.id);
  EXPECT_EQ(entries->front().actor, kOperator);
}

TEST_F(KeyChangesTest, AKeyThatCannotBeLoggedIsNotMade) {
  EXPECT_FALSE(create_key(*database_, wanted(), by_somebody_too_long()));
  EXPECT_EQ(keys(), 0U);
  EXPECT_EQ(entries(), 0U);
  EXPECT_TRUE(create_key(*database_, wanted(), by_operator())) << "nothing is left open";
}

TEST_F(KeyChangesTest, AKeyWhoseEndCannotBeLoggedIsNotRevoked) {
  const auto created = create_key(*database_, wanted(), by_operator());
  ASSERT_TRUE(created);
  EXPECT_FALSE(revoke_key(*database_, created->key.id, by_somebody_too_long()));
  EXPECT_TRUE(store::Keys(*database_).authenticate(created->token, kNow));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(KeyChangesTest, ARevocationIsLoggedOnce) {
  const auto created = create_key(*database_, wanted(), by_operator());
  ASSERT_TRUE(created);
  const auto first = revoke_key(*database_, created->key.id, by_operator());
  const auto second = revoke_key(*database_, created->key.id, by_operator());
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first);
  EXPECT_FALSE(*second);
  EXPECT_EQ(entries(), 2U);
  const auto unknown = revoke_key(*database_, "nobody", by_operator());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().fault, base::Fault::not_found);
}

}  // namespace
}  // namespace retort::api
