// Job intake: what is stored is counted as it comes, grows and goes, for each owner.
#include "api/job_intake.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace retort::api {
namespace {

class JobIntakeTest : public testing::Test {
 public:
  ~JobIntakeTest() override {
    storage_.reset();
    std::filesystem::remove_all(folder_);
  }

 protected:
  JobIntakeTest() {
    Settings settings;
    settings.server.state = folder_.string();
    settings.cache.enabled = false;
    std::filesystem::create_directories(folder_);
    auto storage = Storage::open(settings);
    EXPECT_TRUE(storage) << storage.error().what;
    storage_ = *std::move(storage);
    intake_.emplace(context_.get_executor(), *storage_);
    bounds_.most_stored = 10;
    bounds_.bytes = base::ByteSize::of_bytes(1000);
  }

  async::Task<> insert_one(store::NewJob job, bool* is_new) {
    const auto inserted = co_await intake_->insert(std::move(job));
    *is_new = inserted && !inserted->existed;
  }
  static store::NewJob job_of(const std::string& owner,
                              const std::string& id,
                              std::size_t bytes,
                              const std::string& key = "") {
    store::NewJob job;
    job.id = id;
    job.owner = owner;
    job.idempotency_key = key;
    job.request = std::string(bytes, 'x');
    return job;
  }
  // Is it a new one?
  bool insert(const std::string& owner,
              const std::string& id,
              std::size_t bytes,
              const std::string& key = "") {
    bool is_new = false;
    async::spawn(context_.get_executor(), insert_one(job_of(owner, id, bytes, key), &is_new));
    turn();
    return is_new;
  }
  async::Task<> refresh_once() {
    const auto refreshed = co_await intake_->refresh();
    EXPECT_TRUE(refreshed);
  }
  void refresh() {
    async::spawn(context_.get_executor(), refresh_once());
    turn();
  }
  void turn() {
    context_.run();
    context_.restart();
  }

  // The code of what is said to one more job of this owner; "": there is room.
  std::string refusal(const std::string& owner, bool is_shared = true) {
    const auto problem = intake_->check_room(owner, bounds_, is_shared);
    return problem ? std::string(info_of(problem->code).name) : std::string();
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("retort-intake-" + std::to_string(::getpid()));
  async::asio::io_context context_{1};
  std::unique_ptr<Storage> storage_;
  std::optional<JobIntake> intake_;
  Settings::Async bounds_;
};

TEST_F(JobIntakeTest, OneOwnerHasHalfOfTheBytesAndShutsNobodyOut) {
  ASSERT_TRUE(insert("alice", "one", 499));
  EXPECT_EQ(refusal("alice"), "");
  ASSERT_TRUE(insert("alice", "two", 1));
  EXPECT_EQ(refusal("alice"), "too_many_jobs");
  EXPECT_EQ(refusal("bob"), "");
  EXPECT_EQ(refusal("alice", false), "") << "who is alone may have all";
  ASSERT_TRUE(insert("bob", "three", 500));
  EXPECT_EQ(refusal("carol"), "storage_full");
}

TEST_F(JobIntakeTest, OneOwnerHasHalfOfThePlaces) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(insert("alice", std::to_string(i), 1));
  EXPECT_EQ(refusal("alice"), "too_many_jobs");
  EXPECT_EQ(refusal("bob"), "");
}

TEST_F(JobIntakeTest, AResultCountsAsSoonAsItIsStored) {
  ASSERT_TRUE(insert("alice", "one", 10));
  intake_->grew("alice", 490);
  EXPECT_EQ(intake_->bytes(), 500U);
  EXPECT_EQ(refusal("alice"), "too_many_jobs");
  intake_->grew("alice", 500);
  EXPECT_EQ(refusal("bob"), "storage_full");
}

TEST_F(JobIntakeTest, WhatWasThereAlreadyAndWhatFailedCountsOnce) {
  ASSERT_TRUE(insert("alice", "one", 100, "key"));
  EXPECT_FALSE(insert("alice", "two", 100, "key"));
  EXPECT_FALSE(insert("alice", "one", 100)) << "the id is taken";
  EXPECT_EQ(intake_->stored(), 1U);
  EXPECT_EQ(intake_->bytes(), 100U);
  refresh();
  EXPECT_EQ(intake_->stored(), 1U);
  EXPECT_EQ(intake_->bytes(), 100U);
}

TEST_F(JobIntakeTest, WhatIsRemovedGivesItsBytesBack) {
  ASSERT_TRUE(insert("alice", "one", 100));
  intake_->grew("alice", 400);
  EXPECT_EQ(refusal("alice"), "too_many_jobs");
  intake_->removed("alice", 500);
  EXPECT_EQ(refusal("alice"), "");
  EXPECT_EQ(intake_->stored(), 0U);
  EXPECT_EQ(intake_->bytes(), 0U);
  intake_->removed("alice", 500);
  EXPECT_EQ(intake_->bytes(), 0U) << "never below nothing";
}

TEST_F(JobIntakeTest, ARefreshCountsWhatTheDatabaseHas) {
  ASSERT_TRUE(insert("alice", "one", 100));
  ASSERT_TRUE(insert("bob", "two", 200));
  intake_->grew("alice", 600);  // of a result that was purged meanwhile
  refresh();
  EXPECT_EQ(intake_->stored(), 2U);
  EXPECT_EQ(intake_->bytes(), 300U);
  EXPECT_EQ(refusal("alice"), "");
}

// The database counts before they are written, and tells its count after they came.
TEST_F(JobIntakeTest, ARefreshForgetsNobodyWhoComesMeanwhile) {
  bool is_first_new = false;
  bool is_second_new = false;
  std::vector<std::string> refusals;
  const auto executor = context_.get_executor();
  async::spawn(executor, refresh_once());
  async::spawn(executor, insert_one(job_of("alice", "one", 600), &is_first_new));
  async::spawn(executor, refresh_once());
  async::spawn(executor, insert_one(job_of("bob", "two", 400), &is_second_new));
  async::spawn(executor, refresh_once());
  // At every turn of the loop both are counted, whichever is written.
  while (context_.run_one() == 1) {
    if (refusals.empty() && refusal("alice") != "too_many_jobs") continue;
    refusals.push_back(refusal("alice"));
  }
  context_.restart();
  EXPECT_TRUE(is_first_new && is_second_new);
  for (const std::string& code : refusals) EXPECT_NE(code, "");
  EXPECT_EQ(intake_->stored(), 2U);
  EXPECT_EQ(intake_->bytes(), 1000U);
  EXPECT_EQ(refusal("carol"), "storage_full");
}

}  // namespace
}  // namespace retort::api
