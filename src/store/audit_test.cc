// Audit: entries are added, and go when they are old; nothing changes one.
#include "store/audit.h"

#include "store/test_support.h"

namespace retort::store {
namespace {

class AuditTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 1; i <= 5; ++i) {
      ASSERT_TRUE(audit_.append({.sequence = 0,
                                 .time_us = std::int64_t{100} * i,
                                 .actor = "operator",
                                 .action = "key.create",
                                 .object = std::to_string(i),
                                 .detail = "{}"}));
    }
  }
  std::string objects(std::int64_t before = 0, std::int64_t limit = 100) {
    std::string objects;
    for (const AuditEntry& entry : *audit_.list(before, limit)) objects += entry.object;
    return objects;
  }

  TestFolder folder_;
  std::unique_ptr<Database> database_ = open_database(folder_);
  Audit audit_{*database_};
};

TEST_F(AuditTest, IsReadFromTheNewestInPages) {
  EXPECT_EQ(objects(), "54321");
  EXPECT_EQ(objects(0, 2), "54");
  EXPECT_EQ(objects(audit_.list(0, 2)->back().sequence, 2), "32");
  const AuditEntry entry = audit_.list(0, 1)->front();
  EXPECT_EQ(entry.time_us, 500);
  EXPECT_EQ(entry.actor, "operator");
  EXPECT_EQ(entry.action, "key.create");
  EXPECT_EQ(entry.detail, "{}");
}

TEST_F(AuditTest, AnEntryCannotBeChanged) {
  const auto changed = database_->run("UPDATE audit SET actor = 'nobody'");
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().what.find("append-only"), std::string::npos);
  EXPECT_EQ(audit_.list(0, 1)->front().actor, "operator");
}

TEST_F(AuditTest, IsBoundInAgeAndEntries) {
  EXPECT_EQ(*audit_.trim(200, 100), 1);
  EXPECT_EQ(objects(), "5432");
  EXPECT_EQ(*audit_.trim(0, 3), 1);
  EXPECT_EQ(objects(), "543");
  const std::int64_t last = audit_.list(0, 1)->front().sequence;
  EXPECT_EQ(*audit_.trim(1000, 0), 3);
  EXPECT_GT(
      *audit_.append(
          {.sequence = 0, .time_us = 1, .actor = "", .action = "", .object = "", .detail = ""}),
      last)
      << "a number is not used twice";
}

TEST_F(AuditTest, AnEntryIsBoundInSize) {
  AuditEntry entry;
  entry.detail.assign(kLongestAuditEntry, 'x');
  EXPECT_TRUE(audit_.append(entry));
  entry.object = "y";
  EXPECT_EQ(audit_.append(entry).error().fault, base::Fault::invalid);
}

}  // namespace
}  // namespace retort::store
