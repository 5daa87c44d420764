// Async: events, gates, deadlines and the worker keep their promises to tasks.
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/event.h"
#include "async/gate.h"
#include "async/task.h"
#include "async/worker.h"

namespace retort::async {
namespace {

using base::Duration;
using base::Fault;
using base::Result;
using base::Status;
using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)

Task<> note_after(const Event& event, std::vector<int>& notes, int note) {
  co_await event.wait();
  notes.push_back(note);
}

Task<> throw_something() {
  throw std::runtime_error("on purpose");
  co_return;
}

TEST(Spawn, ATaskThatThrowsEndsAloneAndIsTold) {
  asio::io_context context(1);
  std::vector<int> notes;
  Event event(context.get_executor());
  event.set();
  spawn(context.get_executor(), throw_something());
  spawn(context.get_executor(), note_after(event, notes, 1));
  ::testing::internal::CaptureStderr();
  context.run();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "retort: a task ended by an exception: on purpose\n");
  EXPECT_EQ(notes, std::vector({1}));
}

TEST(Spawn, ADefectIsToldToWhoeverWantsIt) {
  asio::io_context context(1);
  std::vector<std::string> told;
  TellDefect before = tell_defects_to([&told](const char* what) { told.emplace_back(what); });
  EXPECT_FALSE(before);
  spawn(context.get_executor(), throw_something());
  ::testing::internal::CaptureStderr();
  context.run();
  EXPECT_TRUE(tell_defects_to(std::move(before)));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(told, std::vector<std::string>({"on purpose"}));
}

Task<> note_after_either(const Event& one, const Event& other, std::vector<int>& notes) {
  co_await either(one.wait(), other.wait());
  notes.push_back(1);
}

TEST(Either, ReturnsWithTheFirstOfTheTwoAndLeavesNobodyWaiting) {
  for (const bool is_first : {true, false}) {
    asio::io_context context(1);
    std::vector<int> notes;
    Event one(context.get_executor());
    Event other(context.get_executor());
    spawn(context.get_executor(), note_after_either(one, other, notes));
    context.poll();
    EXPECT_TRUE(notes.empty());
    (is_first ? one : other).set();
    context.restart();
    context.run();  // returns when no task is left
    EXPECT_EQ(notes, std::vector({1}));
  }
}

TEST(Event, WakesAllThatWaitEvenIfItIsResetAtOnce) {
  asio::io_context context(1);
  std::vector<int> notes;
  Event event(context.get_executor());
  for (const int note : {1, 2}) spawn(context.get_executor(), note_after(event, notes, note));
  context.poll();
  EXPECT_TRUE(notes.empty());
  event.set();
  event.reset();
  EXPECT_FALSE(event.is_set());
  context.poll();
  EXPECT_EQ(notes.size(), 2U);
  spawn(context.get_executor(), note_after(event, notes, 3));
  context.restart();
  context.poll();
  EXPECT_EQ(notes.size(), 2U);
  event.set();
  context.run();
  EXPECT_EQ(notes.size(), 3U);
}

TEST(Event, LetsGoOfWhoWaitsWhenItIsDestroyed) {
  asio::io_context context(1);
  std::vector<int> notes;
  auto event = std::make_unique<Event>(context.get_executor());
  spawn(context.get_executor(), note_after(*event, notes, 1));
  context.poll();
  event.reset();
  context.run();
  EXPECT_EQ(notes, std::vector({1}));
}

Task<> wait_in_vain(const Event& event, std::vector<Status>& ends) {
  Task<> wait = event.wait();
  ends.push_back(co_await within(Duration(1ms), std::move(wait)));
}

TEST(Within, CutsAWaitShortAndLeavesTheEventAsItWas) {
  asio::io_context context(1);
  Event event(context.get_executor());
  std::vector<Status> ends;
  std::vector<int> notes;
  spawn(context.get_executor(), wait_in_vain(event, ends));
  spawn(context.get_executor(), note_after(event, notes, 1));
  while (ends.empty()) context.run_one();
  ASSERT_FALSE(ends.front());
  EXPECT_TRUE(is_timeout(ends.front().error()));
  EXPECT_EQ(ends.front().error().what, "not done within 1ms");
  EXPECT_TRUE(notes.empty());
  event.set();
  context.run();
  EXPECT_EQ(notes, std::vector({1}));
}

Task<Result<int>> refuse() {
  co_return base::Error{Fault::busy, "no", 0};
}

Task<int> answer() {
  co_return 42;
}

Task<> try_within(std::vector<std::string>& notes) {
  const auto refused = co_await within(Duration(1h), refuse());
  notes.push_back(refused ? "" : refused.error().what);
  const Result<int> answered = co_await within(Duration(1h), answer());
  notes.push_back(answered ? std::to_string(*answered) : "");
  const Status threw = co_await within(Duration(1h), throw_something());
  notes.push_back(threw ? "" : threw.error().what);
}

TEST(Within, ReturnsWhatTheTaskCameToWithoutWaitingForTheTimer) {
  asio::io_context context(1);
  std::vector<std::string> notes;
  spawn(context.get_executor(), try_within(notes));
  context.run();
  EXPECT_EQ(notes, (std::vector<std::string>{"no", "42", "on purpose"}));
}

Task<> close_and_note(Gate& gate, bool& closed) {
  co_await gate.close();
  closed = true;
}

TEST(Gate, ClosesWhenTheLastHasLeftAndLetsNobodyInMeanwhile) {
  asio::io_context context(1);
  Gate gate(context.get_executor());
  std::optional<Gate::Pass> first = gate.enter();
  std::optional<Gate::Pass> second = gate.enter();
  EXPECT_EQ(gate.inside(), 2U);
  bool closed = false;
  spawn(context.get_executor(), close_and_note(gate, closed));
  context.poll();
  EXPECT_FALSE(gate.enter());
  first.reset();
  context.poll();
  EXPECT_FALSE(closed);
  second.reset();
  context.run();
  EXPECT_TRUE(closed);
}

TEST(Gate, ClosesAtOnceWhenNobodyIsInside) {
  asio::io_context context(1);
  Gate gate(context.get_executor());
  {
    const std::optional<Gate::Pass> pass = gate.enter();
  }
  bool closed = false;
  spawn(context.get_executor(), close_and_note(gate, closed));
  context.run();
  EXPECT_TRUE(closed);
}

Task<> work_twice(Worker& worker, std::vector<std::thread::id>& where, int& value) {
  auto first = [&where] { where.push_back(std::this_thread::get_id()); };
  co_await worker.run(first);
  auto second = [number = std::make_unique<int>(7)]() -> Result<int> { return *number; };
  const Result<int> got = co_await worker.run(std::move(second));
  where.push_back(std::this_thread::get_id());
  value = got ? *got : 0;
}

TEST(Worker, WorksOnItsThreadAndAnswersOnTheTasksThread) {
  asio::io_context context(1);
  Worker worker;
  std::vector<std::thread::id> where;
  int value = 0;
  spawn(context.get_executor(), work_twice(worker, where, value));
  context.run();
  ASSERT_EQ(where.size(), 2U);
  EXPECT_NE(where.front(), std::this_thread::get_id());
  EXPECT_EQ(where.back(), std::this_thread::get_id());
  EXPECT_EQ(value, 7);
}

Task<> work_in_order(Worker& worker, std::vector<int>& done, int number) {
  auto work = [&done, number] { done.push_back(number); };
  co_await worker.run(work);
}

TEST(Worker, DoesInOrderWhatItWasGivenBeforeItEnds) {
  asio::io_context context(1);
  std::vector<int> done;
  {
    Worker worker;
    for (int number = 0; number < 100; ++number)
      spawn(context.get_executor(), work_in_order(worker, done, number));
    context.poll();
  }
  ASSERT_EQ(done.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(done));
  context.run();
}

Task<> leave_work_behind(Worker& worker, bool& done, std::vector<Status>& ends) {
  auto work = [&done] {
    std::this_thread::sleep_for(50ms);
    done = true;
  };
  Task<> run = worker.run(work);
  ends.push_back(co_await within(Duration(1ms), std::move(run)));
}

TEST(Worker, FinishesWorkWhoseTaskHasGone) {
  asio::io_context context(1);
  bool done = false;
  std::vector<Status> ends;
  {
    Worker worker;
    spawn(context.get_executor(), leave_work_behind(worker, done, ends));
    while (ends.empty()) context.run_one();
    EXPECT_TRUE(is_timeout(ends.front().error()));
  }
  EXPECT_TRUE(done);
  context.run();
}

}  // namespace
}  // namespace retort::async
