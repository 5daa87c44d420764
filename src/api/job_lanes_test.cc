// Job lanes: a place comes back however the task of its job ends, and turns are fair.
#include "api/job_lanes.h"

#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace retort::api {
namespace {

async::Task<> run_until(JobLanes::Place place, const async::Event& event) {
  co_await event.wait();
  if (place.job()->id == "bad") throw std::runtime_error("on purpose");
}

async::Task<> note_end(std::shared_ptr<StoredJob> job, bool& is_ended) {
  co_await job->ended.wait();
  is_ended = true;
}

class JobLanesTest : public testing::Test {
 protected:
  JobLanes::Place enter(const std::string& id, std::int64_t bytes) {
    const auto lane = lanes_->next();
    EXPECT_TRUE(lane);
    return lanes_->enter(lane, {.id = id, .bytes = bytes});
  }

  async::asio::io_context context_{1};
  std::optional<JobLanes> lanes_{context_.get_executor()};
};

TEST_F(JobLanesTest, AJobWhoseTaskThrowsGivesItsPlaceBack) {
  async::Event event(context_.get_executor());
  lanes_->added("one");
  async::spawn(context_.get_executor(), run_until(enter("bad", 100), event));
  bool is_ended = false;
  async::spawn(context_.get_executor(), note_end(lanes_->find("bad"), is_ended));
  context_.poll();
  EXPECT_EQ(lanes_->size(), 1U);
  EXPECT_EQ(lanes_->bytes().bytes(), 100U);
  EXPECT_FALSE(lanes_->next()) << "its lane is full";
  lanes_->changed().reset();

  testing::internal::CaptureStderr();
  event.set();
  context_.restart();
  context_.poll();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "retort: a task ended by an exception: on purpose\n");
  EXPECT_EQ(lanes_->size(), 0U);
  EXPECT_EQ(lanes_->bytes().bytes(), 0U);
  EXPECT_FALSE(lanes_->find("bad"));
  EXPECT_TRUE(is_ended) << "whoever waits for its end goes on";
  EXPECT_TRUE(lanes_->changed().is_set()) << "the next is looked for";
  EXPECT_TRUE(lanes_->next()) << "its lane has room again";
}

TEST_F(JobLanesTest, APlaceMayOutliveTheLanes) {
  async::Event event(context_.get_executor());
  lanes_->added("one");
  async::spawn(context_.get_executor(), run_until(enter("good", 100), event));
  context_.poll();
  const auto job = lanes_->find("good");
  lanes_.reset();
  EXPECT_FALSE(job->ended.is_set());
  event.set();
  context_.restart();
  context_.poll();
  EXPECT_TRUE(job->ended.is_set());
}

TEST_F(JobLanesTest, OwnersTakeTurnsAndALaneIsAsWideAsItIsTold) {
  lanes_->added("one");
  lanes_->added("two");
  const auto first = enter("a", 1);
  const auto second = enter("b", 1);
  EXPECT_NE(first.job()->owner, second.job()->owner);
  EXPECT_FALSE(lanes_->next());
  first.widen_lane(2);
  const auto third = enter("c", 1);
  EXPECT_EQ(third.job()->owner, first.job()->owner);
  EXPECT_FALSE(lanes_->next());
}

}  // namespace
}  // namespace retort::api
