// Jobs: what was accepted is never lost, and has one result.
#include "store/jobs.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "store/test_support.h"
#include "store/webhooks.h"

namespace retort::store {
namespace {

NewJob job_of(const std::string& id, const std::string& owner = "alice") {
  return {.id = id,
          .owner = owner,
          .idempotency_key = "",
          .request_digest = "digest of " + id,
          .request = "{\"job\":\"" + id + "\"}",
          .webhook_url = ""};
}

NewJob job_with_key(const std::string& id, const std::string& key, const std::string& digest) {
  NewJob job = job_of(id);
  job.idempotency_key = key;
  job.request_digest = digest;
  return job;
}

std::vector<std::string> ids_of(const auto& jobs) {
  std::vector<std::string> ids;
  for (const auto& job : jobs) ids.push_back(job.id);
  return ids;
}

using Ids = std::vector<std::string>;

class JobsTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::unique_ptr<Database> database_ = open_database(folder_);
  Jobs jobs_{*database_};
};

TEST_F(JobsTest, AJobGoesFromQueuedToRunningToDone) {
  NewJob job = job_of("one");
  job.idempotency_key = "key";
  job.webhook_url = "https://example.org/";
  const auto inserted = jobs_.insert(job, 100);
  ASSERT_TRUE(inserted);
  EXPECT_EQ(inserted->id, "one");
  EXPECT_FALSE(inserted->existed);

  auto kept = *jobs_.get("one");
  EXPECT_EQ(kept.state, JobState::queued);
  EXPECT_EQ(kept.owner, "alice");
  EXPECT_EQ(kept.idempotency_key, "key");
  EXPECT_EQ(kept.request_digest, job.request_digest);
  EXPECT_EQ(kept.request, job.request);
  EXPECT_EQ(kept.webhook_url, job.webhook_url);
  EXPECT_EQ(kept.created_us, 100);
  EXPECT_EQ(kept.started_us, std::nullopt);
  EXPECT_EQ(kept.result, "");

  EXPECT_EQ(*jobs_.begin("one", 200), 1);
  kept = *jobs_.get("one");
  EXPECT_EQ(kept.state, JobState::running);
  EXPECT_EQ(kept.attempts, 1);
  EXPECT_EQ(kept.started_us, 200);

  EXPECT_TRUE(*jobs_.finish("one", "{\"status\":\"ok\"}", 300));
  kept = *jobs_.get("one");
  EXPECT_EQ(kept.state, JobState::done);
  EXPECT_EQ(kept.finished_us, 300);
  EXPECT_EQ(kept.result, "{\"status\":\"ok\"}");
}

TEST_F(JobsTest, AResultIsReportedOnceAndNeverReplaced) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  ASSERT_TRUE(jobs_.begin("one", 2));
  EXPECT_TRUE(*jobs_.finish("one", "first", 3));
  EXPECT_FALSE(*jobs_.finish("one", "second", 4));
  EXPECT_EQ(jobs_.get("one")->result, "first");
  EXPECT_EQ(jobs_.get("one")->finished_us, 3);
}

TEST_F(JobsTest, OfTwoThatFinishAtOnceOneDoes) {
  constexpr int kRounds = 20;
  for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(jobs_.insert(job_of(std::to_string(i)), 1));
  std::atomic<int> firsts = 0;
  const auto finish_all = [&] {
    const auto own = open_database(folder_, Database::Check::none);
    Jobs jobs(*own);
    for (int i = 0; i < kRounds; ++i) {
      if (jobs.finish(std::to_string(i), "result", 2).value()) ++firsts;
    }
  };
  std::thread one(finish_all);
  std::thread other(finish_all);
  one.join();
  other.join();
  EXPECT_EQ(firsts, kRounds);
}

TEST_F(JobsTest, AJobIsBegunOnceUntilItIsRecovered) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  EXPECT_EQ(*jobs_.begin("one", 2), 1);
  EXPECT_EQ(jobs_.begin("one", 2).error().fault, base::Fault::busy);
  ASSERT_TRUE(jobs_.recover());
  EXPECT_EQ(*jobs_.begin("one", 3), 2);
  EXPECT_TRUE(*jobs_.finish("one", "{}", 4));
  EXPECT_EQ(jobs_.begin("one", 5).error().fault, base::Fault::busy);
}

TEST_F(JobsTest, AnAttemptThatDidNotTakePlaceDoesNotCountAndOneThatFailedDoes) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  EXPECT_FALSE(*jobs_.put_back("one"));
  EXPECT_EQ(*jobs_.begin("one", 2), 1);
  EXPECT_TRUE(*jobs_.put_back("one"));
  EXPECT_EQ(jobs_.get("one")->state, JobState::queued);
  EXPECT_EQ(*jobs_.begin("one", 3), 1);
  EXPECT_TRUE(*jobs_.retry("one"));
  EXPECT_FALSE(*jobs_.retry("one"));
  EXPECT_EQ(*jobs_.begin("one", 4), 2);
  EXPECT_TRUE(*jobs_.finish("one", "{}", 5));
  EXPECT_FALSE(*jobs_.put_back("one"));
  EXPECT_FALSE(*jobs_.retry("one"));
}

TEST_F(JobsTest, WhatIsQueuedIsReadInPiecesOfOneOwner) {
  for (const char* id : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(jobs_.insert(job_of(id), 1));
    ASSERT_TRUE(jobs_.insert(job_of(std::string(id) + id, "bob"), 1));
  }
  ASSERT_TRUE(jobs_.begin("b", 2));
  const auto first = *jobs_.queued("alice", 2);
  EXPECT_EQ(ids_of(first), Ids({"a", "c"}));
  EXPECT_EQ(first[0].bytes, static_cast<std::int64_t>(job_of("a").request.size()));
  EXPECT_EQ(ids_of(*jobs_.queued("alice", 10)), Ids({"a", "c", "d"}));
  EXPECT_EQ(*jobs_.ahead_of("alice", "d"), 2);
  EXPECT_EQ(*jobs_.ahead_of("bob", "aa"), 0);
  EXPECT_EQ(*jobs_.recover(), Ids({"alice", "bob"}));
  EXPECT_EQ(jobs_.usage_by_owner()->at("bob").jobs, 4U);
}

TEST_F(JobsTest, AnotherOwnersJobIsAsUnknownAsNone) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  ASSERT_TRUE(jobs_.finish("one", "result", 2));
  const auto job = jobs_.look_up("alice", "one");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->result, "result");
  EXPECT_EQ(job->request, "");
  const auto foreign = jobs_.look_up("bob", "one");
  EXPECT_EQ(foreign.error().fault, base::Fault::not_found);
  EXPECT_EQ(foreign.error().what, jobs_.get("one") ? "there is no job 'one'" : "");
}

TEST_F(JobsTest, AQueuedJobCanBeFinishedAndIsNotBegunThen) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  EXPECT_TRUE(*jobs_.finish("one", "cancelled", 2));
  EXPECT_FALSE(jobs_.begin("one", 3));
  EXPECT_TRUE(jobs_.recover()->empty());
}

TEST_F(JobsTest, AnUnknownJobIsNotFound) {
  EXPECT_EQ(jobs_.get("no'ne\n").error().fault, base::Fault::not_found);
  EXPECT_EQ(jobs_.get("no\n").error().what.find('\n'), std::string::npos);
  EXPECT_EQ(jobs_.begin("none", 1).error().fault, base::Fault::not_found);
  EXPECT_EQ(jobs_.finish("none", "{}", 1).error().fault, base::Fault::not_found);
  EXPECT_EQ(*jobs_.remove("none"), std::nullopt);
}

TEST_F(JobsTest, AnIdempotencyKeyStandsForOneRequestOfOneOwner) {
  ASSERT_FALSE(jobs_.insert(job_with_key("one", "key", "digest"), 1)->existed);
  const auto again = jobs_.insert(job_with_key("two", "key", "digest"), 2);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, "one");
  EXPECT_TRUE(again->existed);

  const auto another = jobs_.insert(job_with_key("three", "key", "another digest"), 3);
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().fault, base::Fault::busy);
  EXPECT_NE(another.error().what.find("was used for another request"), std::string::npos);

  NewJob bobs = job_with_key("four", "key", "another digest");
  bobs.owner = "bob";
  EXPECT_FALSE(jobs_.insert(bobs, 4)->existed);
  EXPECT_EQ(jobs_.usage()->queued, 2);

  ASSERT_TRUE(jobs_.finish("one", "{}", 5));
  EXPECT_EQ(jobs_.insert(job_with_key("five", "key", "digest"), 6)->id, "one")
      << "after the result as well";
}

TEST_F(JobsTest, JobsWithoutAnIdempotencyKeyAreNeverTheSame) {
  ASSERT_FALSE(jobs_.insert(job_with_key("one", "", "digest"), 1)->existed);
  ASSERT_FALSE(jobs_.insert(job_with_key("two", "", "digest"), 1)->existed);
}

TEST_F(JobsTest, TheSameIdempotencyKeyInParallelIsOneJob) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  std::atomic<int> accepted = 0;
  std::atomic<int> existed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto own = open_database(folder_, Database::Check::none);
      Jobs jobs(*own);
      for (int i = 0; i < kRounds; ++i) {
        const std::string key = std::to_string(i);
        const auto inserted =
            jobs.insert(job_with_key(key + "of" + std::to_string(t), key, "digest"), 1);
        if (inserted) ++(inserted->existed ? existed : accepted);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, kRounds);
  EXPECT_EQ(existed, kRounds * (kThreads - 1));
  EXPECT_EQ(jobs_.usage()->queued, kRounds);
}

TEST_F(JobsTest, TheLargerPriorityIsNextAndEqualOnesInTheOrderOfAcceptance) {
  const auto insert = [&](const char* id, int priority) {
    NewJob job = job_of(id);
    job.priority = priority;
    ASSERT_TRUE(jobs_.insert(job, 1));
  };
  insert("low", -3);
  insert("a", 0);
  insert("high", 100);
  insert("b", 0);
  insert("higher than most", 7);
  EXPECT_EQ(ids_of(*jobs_.queued("alice", 10)), Ids({"high", "higher than most", "a", "b", "low"}));
  EXPECT_EQ(*jobs_.ahead_of("alice", "high"), 0);
  EXPECT_EQ(*jobs_.ahead_of("alice", "b"), 3);
  EXPECT_EQ(*jobs_.ahead_of("alice", "low"), 4);
  ASSERT_TRUE(jobs_.begin("high", 2));
  EXPECT_EQ(ids_of(*jobs_.queued("alice", 1)), Ids({"higher than most"}));
  ASSERT_TRUE(jobs_.put_back("high"));
  EXPECT_EQ(ids_of(*jobs_.queued("alice", 1)), Ids({"high"}));
}

TEST_F(JobsTest, ManyAreAcceptedTogetherEachWithItsAnswer) {
  ASSERT_TRUE(jobs_.insert(job_with_key("old", "key", "digest"), 1));
  const std::vector<NewJob> many = {job_of("one"),
                                    job_with_key("two", "key", "digest"),
                                    job_with_key("three", "key", "another"),
                                    job_with_key("four", "fresh", "digest"),
                                    job_with_key("five", "fresh", "digest")};
  const auto answers = jobs_.insert(many, 2);
  ASSERT_EQ(answers.size(), many.size());
  EXPECT_EQ(answers[0]->id, "one");
  EXPECT_EQ(answers[1]->id, "old");
  EXPECT_EQ(answers[2].error().fault, base::Fault::busy);
  EXPECT_EQ(answers[3]->id, "four");
  EXPECT_EQ(answers[4]->id, "four");
  EXPECT_EQ(ids_of(*jobs_.queued("alice", 10)), Ids({"old", "one", "four"}));
}

TEST_F(JobsTest, OfManyNoneIsAcceptedWhenTheDatabaseFails) {
  const std::vector<NewJob> many = {job_of("one"), job_of("two"), job_of("one")};
  for (const auto& answer : jobs_.insert(many, 1)) EXPECT_FALSE(answer);
  EXPECT_EQ(jobs_.usage()->queued, 0);
}

TEST_F(JobsTest, AListIsPagedFromTheNewestAndShowsOneOwner) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(jobs_.insert(job_of("a" + std::to_string(i)), 1));
    ASSERT_TRUE(jobs_.insert(job_of("b" + std::to_string(i), "bob"), 1));
  }
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 2)), Ids({"a4", "a3"}));
  EXPECT_EQ(ids_of(*jobs_.list("alice", "a3", 2)), Ids({"a2", "a1"}));
  EXPECT_EQ(ids_of(*jobs_.list("alice", "a1", 2)), Ids({"a0"}));
  EXPECT_EQ(ids_of(*jobs_.list("alice", "a0", 2)), Ids());
  EXPECT_EQ(ids_of(*jobs_.list("carol", "", 2)), Ids());
  EXPECT_EQ(ids_of(*jobs_.list(std::nullopt, "", 3)), Ids({"b4", "a4", "b3"}));
  EXPECT_EQ(ids_of(*jobs_.list(std::nullopt, "b3", 2)), Ids({"a3", "b2"}));
  EXPECT_EQ(jobs_.list("alice", "", -1)->size(), 0U);
  EXPECT_EQ(jobs_.list("alice", "b3", 2).error().fault, base::Fault::not_found)
      << "another owner's job is no place in this list";
}

TEST_F(JobsTest, UsageCountsStatesAndBytes) {
  ASSERT_TRUE(jobs_.insert(job_of("1"), 1));
  ASSERT_TRUE(jobs_.insert(job_of("2"), 1));
  ASSERT_TRUE(jobs_.insert(job_of("3"), 1));
  ASSERT_TRUE(jobs_.begin("2", 1));
  ASSERT_TRUE(jobs_.finish("3", std::string(1000, 'x'), 1));
  const auto usage = jobs_.usage();
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->queued, 1);
  EXPECT_EQ(usage->running, 1);
  EXPECT_EQ(usage->done, 1);
  EXPECT_EQ(usage->bytes, 3 * 11 + 1000);
}

TEST_F(JobsTest, PurgeForgetsOnlyWhatIsDoneAndOld) {
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(jobs_.insert(job_of(std::to_string(i)), 1));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(jobs_.finish(std::to_string(i), "{}", 100 + i));
  ASSERT_TRUE(jobs_.begin("4", 1));
  EXPECT_EQ(*jobs_.purge(102), 2);
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"5", "4", "3", "2"}));
  EXPECT_EQ(*jobs_.purge(1000), 2);
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"5", "4"}));
}

TEST_F(JobsTest, PurgeToKeepsTheNewestResultsWithinBothBounds) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(jobs_.insert(job_of(std::to_string(i)), 1));
    ASSERT_TRUE(jobs_.finish(std::to_string(i), std::string(89, 'x'), 100 + i));  // 100 in all
  }
  EXPECT_EQ(*jobs_.purge_to(6, 600), 0);
  EXPECT_EQ(*jobs_.purge_to(5, 600), 1);
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"5", "4", "3", "2", "1"}));
  EXPECT_EQ(*jobs_.purge_to(5, 299), 3);
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"5", "4"}));
}

// 100 bytes each, request and result.
void add_done(Jobs& jobs, const std::string& owner, int count, std::int64_t first_us) {
  for (int i = 0; i < count; ++i) {
    const std::string id = owner + std::to_string(i);
    NewJob job = job_of(id, owner);
    job.request = "request...";
    ASSERT_TRUE(jobs.insert(job, 1));
    ASSERT_TRUE(jobs.finish(id, std::string(90, 'x'), first_us + i));
  }
}

TEST_F(JobsTest, PurgeToTakesFirstFromWhoHasMoreThanHisShare) {
  add_done(jobs_, "bob", 2, 100);
  add_done(jobs_, "alice", 6, 200);
  EXPECT_EQ(*jobs_.purge_to(100, 800), 0) << "a share is no bound while there is room";
  EXPECT_EQ(*jobs_.purge_to(100, 600), 2);
  EXPECT_EQ(ids_of(*jobs_.list("bob", "", 9)), Ids({"bob1", "bob0"})) << "though they are older";
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"alice5", "alice4", "alice3", "alice2"}));
  EXPECT_EQ(*jobs_.purge_to(5, 10'000), 1) << "the same for how many there are";
  EXPECT_EQ(ids_of(*jobs_.list("alice", "", 9)), Ids({"alice5", "alice4", "alice3"}));
  EXPECT_EQ(ids_of(*jobs_.list("bob", "", 9)), Ids({"bob1", "bob0"}));
}

TEST_F(JobsTest, PurgeToTakesTheOldestOfAllWhereNobodyHasMoreThanHisShare) {
  add_done(jobs_, "alice", 2, 100);
  add_done(jobs_, "bob", 2, 200);
  add_done(jobs_, "carol", 2, 300);
  EXPECT_EQ(*jobs_.purge_to(100, 500), 1);
  EXPECT_EQ(ids_of(*jobs_.list(std::nullopt, "", 9)),
            Ids({"carol1", "carol0", "bob1", "bob0", "alice1"}));
}

TEST_F(JobsTest, PurgeToTakesFromTwoWhoHaveMoreThanTheirShareWhatIsOldest) {
  add_done(jobs_, "alice", 4, 100);
  add_done(jobs_, "bob", 4, 102);
  // Of 600, 300 are a share: alice0 and bob0 are beyond.
  EXPECT_EQ(*jobs_.purge_to(100, 600), 2);
  EXPECT_EQ(jobs_.usage_by_owner()->at("alice").jobs, 3U);
  EXPECT_EQ(jobs_.usage_by_owner()->at("bob").jobs, 3U);
  EXPECT_FALSE(jobs_.get("alice0"));
  EXPECT_FALSE(jobs_.get("bob0"));
}

TEST_F(JobsTest, WhatEachOwnerHasIsCountedWithItsResults) {
  EXPECT_TRUE(jobs_.usage_by_owner()->empty());
  add_done(jobs_, "alice", 3, 100);
  NewJob queued = job_of("queued", "bob");
  queued.request = "seven..";
  ASSERT_TRUE(jobs_.insert(queued, 1));
  auto usage = *jobs_.usage_by_owner();
  EXPECT_EQ(usage.size(), 2U);
  EXPECT_EQ(usage["alice"].jobs, 3U);
  EXPECT_EQ(usage["alice"].bytes, 300U);
  EXPECT_EQ(usage["bob"].jobs, 1U);
  EXPECT_EQ(usage["bob"].bytes, 7U);
  EXPECT_EQ(*jobs_.remove("alice0"), 100);
  EXPECT_EQ(jobs_.usage_by_owner()->at("alice").bytes, 200U);
}

TEST_F(JobsTest, AJobWhoseWebhookIsPendingIsNotPurged) {
  NewJob job = job_of("one");
  job.webhook_url = "https://example.org/";
  ASSERT_TRUE(jobs_.insert(job, 1));
  ASSERT_TRUE(jobs_.finish("one", "{}", 2));
  EXPECT_EQ(*jobs_.purge(1000), 0);
  EXPECT_EQ(*jobs_.purge_to(0, 0), 0);
  ASSERT_TRUE(*Webhooks(*database_).delivered("one"));
  EXPECT_EQ(*jobs_.purge(1000), 1);
}

TEST_F(JobsTest, RemoveTakesADoneJobAlone) {
  ASSERT_TRUE(jobs_.insert(job_of("one"), 1));
  EXPECT_EQ(*jobs_.remove("one"), std::nullopt);
  ASSERT_TRUE(jobs_.finish("one", "{}", 2));
  EXPECT_EQ(*jobs_.remove("one"), static_cast<std::int64_t>(job_of("one").request.size() + 2));
  EXPECT_EQ(jobs_.get("one").error().fault, base::Fault::not_found);
}

TEST(JobsAfterACrash, AreThereInTheirOrderWithTheirAttempts) {
  const TestFolder folder;
  for (int crash = 1; crash <= 2; ++crash) {
    ASSERT_TRUE(run_and_kill(folder, [&](Database& database) {
      Jobs jobs(database);
      if (crash == 1) {
        for (const char* id : {"z", "done", "y", "x"}) {
          if (!jobs.insert(job_of(id), 1)) return false;
        }
        if (!jobs.begin("done", 2) || !jobs.finish("done", "{\"status\":\"ok\"}", 3)) return false;
      } else if (*jobs.recover() != Ids({"alice"})) {
        return false;
      }
      return jobs.begin("y", 4).has_value();
    }));
  }
  const auto database = open_database(folder);
  Jobs jobs(*database);
  EXPECT_EQ(*jobs.recover(), Ids({"alice"}));
  EXPECT_EQ(ids_of(*jobs.queued("alice", 10)), Ids({"z", "y", "x"}));
  EXPECT_EQ(jobs.get("z")->attempts, 0);
  EXPECT_EQ(jobs.get("y")->attempts, 2);
  EXPECT_EQ(jobs.get("y")->state, JobState::queued);
  EXPECT_EQ(jobs.get("done")->result, "{\"status\":\"ok\"}");
}

// A server that is killed at any moment: every id that it has told is there afterwards.
TEST(JobsAfterACrash, AreAllThereThatWereAccepted) {
  const TestFolder folder;
  std::set<std::string> told;
  for (int round = 0; round < 5; ++round) {
    auto pipe = *kernel::make_pipe();
    const pid_t child = ::fork();
    if (child == 0) {
      const auto database = open_database(folder);
      Jobs jobs(*database);
      for (int i = 0;; ++i) {
        const std::string id = std::to_string(round) + "." + std::to_string(i);
        if (!jobs.insert(job_with_key(id, "key " + id, id), 1)) ::_exit(1);
        (void)kernel::write_all(pipe.write_end, id + "\n");
      }
    }
    pipe.write_end.reset();
    std::string text;
    const auto read_some = [&] {
      char buffer[64];
      const ssize_t count = ::read(pipe.read_end.get(), buffer, sizeof buffer);
      if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
      return count > 0;
    };
    while (std::ranges::count(text, '\n') < 20 && read_some()) continue;
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (read_some()) continue;
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ASSERT_GE(std::ranges::count(text, '\n'), 20);
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      told.insert(text.substr(0, end));
      text.erase(0, end + 1);
    }
    const auto database = open_database(folder);
    Jobs jobs(*database);
    for (const std::string& id : told) {
      ASSERT_TRUE(jobs.get(id)) << id;
      EXPECT_EQ(jobs.insert(job_with_key("again", "key " + id, id), 2)->id, id);
    }
  }
}

}  // namespace
}  // namespace retort::store
