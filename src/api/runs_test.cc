// Runs: what takes long does not keep others waiting.
#include "api/runs.h"

#include <sstream>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "api/log.h"
#include "api/request_test_support.h"
#include "kernel/event_loop.h"

namespace retort::api {
namespace {

class RunsTest : public testing::Test {
 public:
  ~RunsTest() override {
    runs_.reset();
    callers_.reset();
    storage_.reset();
    std::filesystem::remove_all(folder_);
  }

 protected:
  RunsTest() {
    kitchen_.settings.server.state = folder_.string();
    kitchen_.settings.cache.enabled = false;
    std::filesystem::create_directories(folder_);
    auto storage = Storage::open(kitchen_.settings);
    EXPECT_TRUE(storage) << storage.error().what;
    storage_ = *std::move(storage);
    settings_ = std::make_shared<const Settings>(kitchen_.settings);
    callers_.emplace(context_.get_executor(), *storage_, *settings_);
    runs_.emplace(Runs::Parts{.executor = context_.get_executor(),
                              .catalogue = kitchen_.catalogue,
                              .engine = engine_,
                              .storage = *storage_,
                              .metrics = metrics_,
                              .callers = *callers_,
                              .log = log_},
                  settings_,
                  std::map<std::string, Measured>());
  }

  static job::JobResult result_of(std::size_t bytes) {
    job::JobResult result;
    result.outcome = cell::Outcome::ok;
    result.stages.emplace_back();
    result.stages.back().name = "run";
    result.stages.back().stdout_text.bytes = std::string(bytes, '\xff');
    result.stages.back().stdout_text.total = bytes;
    return result;
  }

  async::Task<> answer(job::JobResult result) {
    const std::string text = co_await runs_->text_of(std::move(result), "snake", "one");
    const auto record = text::parse_json(text);
    EXPECT_TRUE(record) << record.error().what;
    if (record) {
      EXPECT_EQ(record->at("id").as_string(), "one");
      EXPECT_EQ(record->at("stages").at(0).at("stdout_encoding").as_string(), "base64");
    }
    answered_.emplace_back("result");
  }
  async::Task<> run(Order order) {
    const auto result = co_await runs_->run(std::move(order), std::make_shared<Cancel>());
    EXPECT_FALSE(result);
  }
  async::Task<> ping() {
    answered_.emplace_back("ping");
    co_return;
  }
  // A result, and the request of another caller that comes while it is written.
  std::vector<std::string> answer_both(job::JobResult result) {
    async::spawn(context_.get_executor(), answer(std::move(result)));
    async::spawn(context_.get_executor(), ping());
    context_.run();
    return answered_;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("retort-runs-" + std::to_string(::getpid()));
  Kitchen kitchen_;
  async::asio::io_context context_{1};
  std::unique_ptr<kernel::EventLoop> loop_ = *kernel::EventLoop::create();
  Metrics metrics_{MetricLabels{}};
  std::ostringstream lines_;
  Log log_{{.format = LogFormat::json, .stream = &lines_}};
  Engine engine_{
      {.executor = context_.get_executor(), .loop = *loop_, .metrics = metrics_, .log = log_},
      kitchen_.settings};
  std::unique_ptr<Storage> storage_;
  std::shared_ptr<const Settings> settings_;
  std::optional<Callers> callers_;
  std::optional<Runs> runs_;
  std::vector<std::string> answered_;
};

TEST_F(RunsTest, AnotherCallerIsAnsweredWhileALargeResultIsWritten) {
  EXPECT_EQ(answer_both(result_of(16U << 20U)), (std::vector<std::string>{"ping", "result"}));
}

TEST_F(RunsTest, ASmallResultIsWrittenAtOnce) {
  EXPECT_EQ(answer_both(result_of(100)), (std::vector<std::string>{"result", "ping"}));
}

// There is no memory for cells here.
TEST_F(RunsTest, AJobThatDoesNotTakePlaceIsInTheLogWithItsReason) {
  const runtime::Manifest manifest;
  Order order;
  order.submission.program.runtime = &manifest;
  order.runtime = "snake";
  order.id = "one";
  order.kind = "batch";
  order.key = "of a\nkey";
  async::spawn(context_.get_executor(), run(std::move(order)));
  context_.run();
  const auto line = text::parse_json(lines_.str());
  ASSERT_TRUE(line) << lines_.str();
  const text::json::object expected = {{"event", "job did not take place"},
                                       {"job", "one"},
                                       {"kind", "batch"},
                                       {"runtime", "snake"},
                                       {"code", "limit_out_of_bounds"},
                                       {"key", "of a\\x0akey"}};
  for (const auto& [name, value] : expected) EXPECT_EQ(line->at(name), value);
}

}  // namespace
}  // namespace retort::api
