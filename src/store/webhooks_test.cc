// Webhooks: due when there is a result, until they are delivered or given up.
#include "store/webhooks.h"

#include "store/jobs.h"
#include "store/test_support.h"

namespace retort::store {
namespace {

class WebhooksTest : public testing::Test {
 protected:
  void add(const std::string& id, const std::string& url) {
    ASSERT_TRUE(jobs_.insert({.id = id,
                              .owner = "alice",
                              .idempotency_key = "",
                              .request_digest = "",
                              .request = "{}",
                              .webhook_url = url},
                             1));
  }
  std::vector<std::string> due(std::int64_t now_us, std::int64_t limit = 100) {
    std::vector<std::string> ids;
    for (const DueWebhook& webhook : *webhooks_.due(now_us, limit, 100))
      ids.push_back(webhook.job_id);
    return ids;
  }

  TestFolder folder_;
  std::unique_ptr<Database> database_ = open_database(folder_);
  Jobs jobs_{*database_};
  Webhooks webhooks_{*database_};
};

using Ids = std::vector<std::string>;

TEST_F(WebhooksTest, AreDueOnceThereIsAResult) {
  add("one", "https://example.org/hook");
  add("silent", "");
  EXPECT_EQ(due(1000), Ids());
  EXPECT_EQ(*webhooks_.next_due(), std::nullopt);
  ASSERT_TRUE(jobs_.finish("one", "{}", 100));
  ASSERT_TRUE(jobs_.finish("silent", "{}", 100));
  EXPECT_EQ(*webhooks_.next_due(), 100);
  EXPECT_EQ(due(99), Ids());
  EXPECT_EQ(due(100), Ids({"one"}));
  EXPECT_EQ(jobs_.get("one")->webhook_state, WebhookState::pending);
  EXPECT_EQ(jobs_.get("silent")->webhook_state, WebhookState::none);
  const auto webhook = webhooks_.due(100, 1, 100)->front();
  EXPECT_EQ(webhook.url, "https://example.org/hook");
  EXPECT_EQ(webhook.owner, "alice");
  EXPECT_EQ(webhook.attempts, 0);
}

TEST_F(WebhooksTest, OneOwnersManyLeaveRoomForAnothersFew) {
  for (int i = 0; i < 50; ++i) {
    const std::string id = "many" + std::to_string(i);
    add(id, "https://example.org/slow");
    ASSERT_TRUE(jobs_.finish(id, "{}", i));
  }
  NewJob other;
  other.id = "few";
  other.owner = "bob";
  other.webhook_url = "https://example.org/";
  ASSERT_TRUE(jobs_.insert(other, 1));
  ASSERT_TRUE(jobs_.finish("few", "{}", 100));
  const auto due = *webhooks_.due(1000, 10, 3);
  Ids ids;
  for (const DueWebhook& webhook : due) ids.push_back(webhook.job_id);
  EXPECT_EQ(ids, Ids({"many0", "many1", "many2", "few"}));
}

TEST_F(WebhooksTest, ADeliveredOneIsNeverDueAgain) {
  add("one", "https://example.org/");
  EXPECT_FALSE(*webhooks_.delivered("one")) << "there is no result to deliver";
  ASSERT_TRUE(jobs_.finish("one", "{}", 100));
  EXPECT_TRUE(*webhooks_.delivered("one"));
  EXPECT_FALSE(*webhooks_.delivered("one"));
  EXPECT_FALSE(*webhooks_.failed("one", 200, "late"));
  EXPECT_EQ(due(1'000'000), Ids());
  EXPECT_EQ(jobs_.get("one")->webhook_state, WebhookState::delivered);
  EXPECT_EQ(jobs_.get("one")->webhook_attempts, 1);
  EXPECT_EQ(jobs_.get("one")->webhook_error, "");
}

TEST_F(WebhooksTest, AFailedOneIsDueLaterUntilItIsGivenUp) {
  add("one", "https://example.org/");
  ASSERT_TRUE(jobs_.finish("one", "{}", 100));
  EXPECT_TRUE(*webhooks_.failed("one", 500, "refused"));
  EXPECT_EQ(due(499), Ids());
  EXPECT_EQ(due(500), Ids({"one"}));
  EXPECT_EQ(webhooks_.due(500, 1, 100)->front().attempts, 1);
  EXPECT_EQ(jobs_.get("one")->webhook_error, "refused");
  EXPECT_TRUE(*webhooks_.given_up("one", "refused for a day"));
  EXPECT_EQ(due(1'000'000), Ids());
  EXPECT_EQ(jobs_.get("one")->webhook_state, WebhookState::given_up);
  EXPECT_EQ(jobs_.get("one")->webhook_attempts, 2);
  EXPECT_EQ(jobs_.get("one")->webhook_error, "refused for a day");
  EXPECT_EQ(jobs_.get("one")->result, "{}") << "the result is not touched";
}

TEST_F(WebhooksTest, ThoseOfOldResultsAreGivenUpAndCanBePurged) {
  for (const char* id : {"old", "delivered", "fresh"}) add(id, "https://example.org/");
  ASSERT_TRUE(jobs_.finish("old", "{}", 100));
  ASSERT_TRUE(jobs_.finish("delivered", "{}", 100));
  ASSERT_TRUE(jobs_.finish("fresh", "{}", 200));
  ASSERT_TRUE(*webhooks_.delivered("delivered"));
  EXPECT_EQ(*webhooks_.give_up_old(200, "nobody is called"), 1);
  EXPECT_EQ(jobs_.get("old")->webhook_state, WebhookState::given_up);
  EXPECT_EQ(jobs_.get("old")->webhook_error, "nobody is called");
  EXPECT_EQ(jobs_.get("old")->webhook_attempts, 0);
  EXPECT_EQ(jobs_.get("delivered")->webhook_state, WebhookState::delivered);
  EXPECT_EQ(due(1000), Ids({"fresh"}));
  EXPECT_EQ(*jobs_.purge(200), 2);
  EXPECT_EQ(*webhooks_.give_up_old(200, "nobody is called"), 0);
}

TEST_F(WebhooksTest, TheLongestDueComeFirst) {
  for (const char* id : {"a", "b", "c"}) add(id, "https://example.org/");
  ASSERT_TRUE(jobs_.finish("b", "{}", 100));
  ASSERT_TRUE(jobs_.finish("a", "{}", 200));
  ASSERT_TRUE(jobs_.finish("c", "{}", 300));
  EXPECT_EQ(due(1000), Ids({"b", "a", "c"}));
  EXPECT_EQ(due(1000, 2), Ids({"b", "a"}));
}

TEST(WebhooksAfterACrash, AreDueStill) {
  const TestFolder folder;
  ASSERT_TRUE(run_and_kill(folder, [](Database& database) {
    Jobs jobs(database);
    const NewJob job{.id = "one",
                     .owner = "",
                     .idempotency_key = "",
                     .request_digest = "",
                     .request = "{}",
                     .webhook_url = "https://example.org/"};
    return jobs.insert(job, 1) && jobs.finish("one", "{}", 2) &&
           Webhooks(database).failed("one", 10, "refused");
  }));
  const auto database = open_database(folder);
  const auto due = Webhooks(*database).due(10, 9, 100);
  ASSERT_EQ(due->size(), 1U);
  EXPECT_EQ(due->front().attempts, 1);
}

}  // namespace
}  // namespace retort::store
