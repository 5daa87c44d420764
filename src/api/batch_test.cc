// Batch: however a job's task ends, its client has one line for it and its places are given back.
#include "api/batch.h"

#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "text/json.h"

namespace retort::api {
namespace {

enum class Ends : std::uint8_t { with_result, with_problem, by_exception };

async::Task<> run(Batch::Turn turn, const async::Event& event, Ends ends) {
  co_await event.wait();
  if (ends == Ends::by_exception) throw std::runtime_error("on purpose");
  if (ends == Ends::with_result) {
    turn.succeed(R"({"status":"ok"})");
  } else {
    turn.fail({.code = ProblemCode::queue_full, .detail = "full"});
  }
}

class BatchTest : public testing::Test {
 protected:
  void begin(std::size_t index, Ends ends) {
    async::spawn(context_.get_executor(), run(batch_->begin(index, {}), event_, ends));
    poll();
  }
  void poll() {
    context_.restart();
    context_.poll();
  }

  async::asio::io_context context_{1};
  async::Event event_{context_.get_executor()};
  std::shared_ptr<Batch> batch_ = std::make_shared<Batch>(context_.get_executor(), 3);
};

TEST_F(BatchTest, AJobWhoseTaskThrowsIsToldOfAndGivesItsPlacesBack) {
  begin(2, Ends::by_exception);
  EXPECT_EQ(batch_->running(), 1U);
  testing::internal::CaptureStderr();
  event_.set();
  poll();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "retort: a task ended by an exception: on purpose\n");
  EXPECT_EQ(batch_->running(), 0U);
  EXPECT_TRUE(batch_->changed().is_set());
  const auto told = text::parse_json(batch_->take_lines());
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_EQ(told->at("index").to_number<int>(), 2);
  EXPECT_EQ(told->at("problem").at("code").as_string(), "internal_error");
}

TEST_F(BatchTest, EachJobHasTheLineThatItEndedWith) {
  begin(1, Ends::with_problem);
  begin(0, Ends::with_result);
  EXPECT_EQ(batch_->lines(), 0U);
  event_.set();
  poll();
  EXPECT_EQ(batch_->lines(), 2U);
  const std::string told = batch_->take_lines();
  const std::size_t end = told.find('\n');
  EXPECT_EQ(text::parse_json(told.substr(0, end))->at("problem").at("code").as_string(),
            "queue_full");
  EXPECT_EQ(told.substr(end + 1), "{\"index\":0,\"result\":{\"status\":\"ok\"}}\n");
  EXPECT_EQ(batch_->lines(), 0U);
}

TEST_F(BatchTest, AClientThatLeavesCancelsWhatRunsAndIsToldNothing) {
  auto turn = std::make_optional(batch_->begin(0, {}));
  const auto cancel = turn->cancel();
  batch_->leave();
  EXPECT_TRUE(cancel->is_cancelled());
  turn.reset();
  EXPECT_EQ(batch_->running(), 0U);
  EXPECT_EQ(batch_->lines(), 0U);
}

}  // namespace
}  // namespace retort::api
