// Job feed: followers hear everything or are left behind, and what is kept is bounded.
#include "api/job_feed.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace retort::api {
namespace {

namespace json = text::json;

class JobFeedTest : public testing::Test {
 protected:
  void publish(int number) { feed_->publish("test", json::object{{"index", number}}); }

  async::asio::io_context context_;
  JobFeeds feeds_{context_.get_executor()};
  std::shared_ptr<JobFeed> feed_ = feeds_.open("one");
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string last_id(std::string_view text) {
  const std::size_t begin = text.rfind("id: ") + 4;
  return std::string(text.substr(begin, text.find('\n', begin) - begin));
}

TEST_F(JobFeedTest, AFollowerHearsWhatComesAfterItCame) {
  publish(1);
  const auto follower = feed_->follow("");
  EXPECT_EQ(feed_->take(*follower), "");
  publish(2);
  EXPECT_TRUE(follower->woken.is_set());
  const auto text = feed_->take(*follower);
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->ends_with("event: test\ndata: {\"test\":{\"index\":2}}\n\n")) << *text;
  EXPECT_TRUE(text->starts_with("id: "));
  EXPECT_EQ(feed_->take(*follower), "");
}

TEST_F(JobFeedTest, AClientThatComesAgainGoesOnWhereItWas) {
  const auto first = feed_->follow("");
  publish(1);
  const std::string id = last_id(*feed_->take(*first));
  publish(2);
  publish(3);
  ASSERT_TRUE(feed_->knows(id));
  const auto again = feed_->follow(id);
  const auto text = feed_->take(*again);
  EXPECT_EQ(count(*text, "event: test"), 2U);
  EXPECT_FALSE(text->contains("\"index\":1"));
}

TEST_F(JobFeedTest, AnIdOfAnotherTimeIsNotTakenForOneOfThis) {
  publish(1);
  const auto other = feeds_.open("two");
  const auto follower = other->follow("");
  other->publish("test", json::object{{"index", 1}});
  const std::string foreign = last_id(*other->take(*follower));
  for (const std::string& id : {foreign, std::string("1"), std::string("-1"), std::string()})
    EXPECT_FALSE(feed_->knows(id)) << id;
}

TEST_F(JobFeedTest, AFollowerThatIsTooSlowIsLeftBehindAndNothingPilesUp) {
  const auto slow = feed_->follow("");
  const auto quick = feed_->follow("");
  std::size_t heard = 0;
  for (std::size_t i = 0; i < 2 * JobFeed::kMostEvents; ++i) {
    publish(static_cast<int>(i));
    heard += count(*feed_->take(*quick), "event: test");
  }
  EXPECT_EQ(heard, 2 * JobFeed::kMostEvents);
  EXPECT_FALSE(feed_->take(*slow));

  const std::string megabyte(1U << 20U, 'x');
  const auto behind = feed_->follow("");
  for (int i = 0; i < 6; ++i) feed_->publish("stage", json::object{{"stdout", megabyte}});
  EXPECT_FALSE(feed_->take(*behind));
}

TEST_F(JobFeedTest, OneTakeIsBounded) {
  const auto follower = feed_->follow("");
  const std::string text(JobFeed::kMostTaken / 2, 'x');
  for (int i = 0; i < 4; ++i) feed_->publish("stage", json::object{{"stdout", text}});
  std::size_t takes = 0;
  while (!feed_->take(*follower)->empty()) ++takes;
  EXPECT_EQ(takes, 4U);
}

TEST_F(JobFeedTest, OnlyTheLastPlaceInTheQueueIsTold) {
  const auto follower = feed_->follow("");
  for (int ahead = 1000; ahead >= 0; --ahead)
    feed_->publish("queued", json::object{{"ahead", ahead}});
  const auto text = feed_->take(*follower);
  ASSERT_TRUE(text);
  EXPECT_EQ(count(*text, "event: queued"), 1U);
  EXPECT_TRUE(text->contains("{\"ahead\":0}"));
}

TEST_F(JobFeedTest, AJobThatNobodyFollowsHasNoFeed) {
  EXPECT_EQ(feeds_.find("one"), feed_);
  EXPECT_EQ(feeds_.find("two"), nullptr);
  feed_.reset();
  EXPECT_EQ(feeds_.find("one"), nullptr);
}

TEST_F(JobFeedTest, TheEndWakesAllAndHoldsForThoseWhoComeLater) {
  const auto follower = feed_->follow("");
  feeds_.end();
  EXPECT_TRUE(follower->woken.is_set());
  EXPECT_TRUE(feed_->is_ended());
  EXPECT_TRUE(feeds_.open("two")->is_ended());
}

}  // namespace
}  // namespace retort::api
