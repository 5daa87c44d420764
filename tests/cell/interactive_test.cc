// Interactive: programs that somebody talks to while they run. Signals from outside.
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cell/bundle.h"
#include "cell/signals.h"
#include "kernel/files.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

using cell::Limits;
using job::StageResult;

// One job, and what its user does: when a text has come (after those before it), an action.
struct Step {
  std::string text;
  std::function<void(job::Stage&)> action;
};

struct Play {
  Words command;
  std::vector<Step> steps;
  Limits limits = roomy_limits();
  std::function<void(job::Stage&)> at_once = {};  // before anything has come
};

class InteractiveTest : public CellTest {
 protected:
  // Plays it to its end; the program's whole output is in seen().
  StageResult run_play(const Play& play);
  [[nodiscard]] const std::string& seen() const { return seen_; }

  static std::function<void(job::Stage&)> send(int number) {
    return [number](job::Stage& stage) { EXPECT_TRUE(stage.signal(number)); };
  }

 private:
  base::Fd bundle_of(const Words& command) const;
  void see(const base::Fd& pipe, const Play& play, job::Stage& stage);

  std::string seen_;
  std::size_t looked_at_ = 0;
  std::size_t step_ = 0;
};

base::Fd InteractiveTest::bundle_of(const Words& command) const {
  auto bundle = kernel::make_memory_file("bundle");
  EXPECT_TRUE(bundle);
  cell::BundleWriter writer(*bundle);
  for (const std::string& word : command) EXPECT_TRUE(writer.add(cell::Record::argument, "", word));
  EXPECT_TRUE(writer.add(cell::Record::variable, "", "PATH=/usr/bin:/bin"));
  EXPECT_TRUE(writer.add(cell::Record::file, "probe", probe_program(), 0755));
  EXPECT_TRUE(writer.end());
  EXPECT_TRUE(kernel::seal(*bundle));
  return *std::move(bundle);
}

void InteractiveTest::see(const base::Fd& pipe, const Play& play, job::Stage& stage) {
  std::vector<char> buffer(1U << 16U);
  const ssize_t count = ::read(pipe.get(), buffer.data(), buffer.size());
  if (count > 0) seen_.append(buffer.data(), static_cast<std::size_t>(count));
  while (step_ < play.steps.size()) {
    const Step& step = play.steps.at(step_);
    const std::size_t at = seen_.find(step.text, looked_at_);
    if (at == std::string::npos) return;
    looked_at_ = at + step.text.size();
    ++step_;
    step.action(stage);
  }
}

StageResult InteractiveTest::run_play(const Play& play) {
  seen_.clear();
  looked_at_ = step_ = 0;
  const base::Fd bundle = bundle_of(play.command);
  auto output = kernel::make_pipe();
  EXPECT_TRUE(output && kernel::set_nonblocking(output->read_end));
  std::optional<base::Result<StageResult>> result;
  job::StageStreams streams;
  streams.stdout_sink = output->write_end.get();
  job::Stage stage(loop(),
                   keeper(),
                   "run",
                   {.limits = play.limits},
                   bundle,
                   streams,
                   [&](base::Result<StageResult> ended) {
                     result.emplace(std::move(ended));
                     loop().stop();
                   });
  EXPECT_TRUE(loop().watch(
      output->read_end.get(), EPOLLIN, [&](auto) { see(output->read_end, play, stage); }));
  if (play.at_once) play.at_once(stage);
  EXPECT_TRUE(loop().run());
  see(output->read_end, play, stage);
  loop().forget(output->read_end.get());
  EXPECT_TRUE(result && *result);
  EXPECT_EQ(step_, play.steps.size()) << "the play broke off; it saw: " << seen_;
  return result && *result ? *std::move(*result) : StageResult{};
}

// ---- Signals. ----

TEST_F(InteractiveTest, EverySignalThatMayBeSentReachesTheProgramAndSaysNothingOfItsSender) {
  Play play{.command = {"./probe", "hear-signals"}, .steps = {}};
  std::string awaited = "ready\n";
  std::string expected = awaited;
  for (const int number : cell::kSendableSignals) {
    // These two no program can hear, and the stop of the other waits for a parent that goes on.
    if (number == SIGKILL || number == SIGSTOP || number == SIGTERM) continue;
    play.steps.push_back({.text = awaited, .action = send(number)});
    awaited = "SIG" + std::string(::sigabbrev_np(number)) + " from 0\n";
    expected += awaited;
  }
  play.steps.push_back({.text = awaited, .action = send(SIGTERM)});
  const auto result = run_play(play);
  EXPECT_EQ(outcome_of(result), "ok") << result.verdict.message;
  EXPECT_EQ(seen(), expected + "SIGTERM from 0\n");
}

TEST_F(InteractiveTest, ASignalEndsTheProgramAndIsItsVerdict) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGKILL, SIGUSR1}) {
    const auto result =
        run_play({.command = {"/bin/sh", "-c", "echo up; while :; do sleep 1; done"},
                  .steps = {{.text = "up", .action = send(number)}}});
    EXPECT_EQ(outcome_of(result), "signaled") << result.verdict.message;
    EXPECT_EQ(result.verdict.signal, number);
    EXPECT_EQ(limits_hit_of(result), Words{});
  }
  EXPECT_TRUE(cell_processes().empty());
}

TEST_F(InteractiveTest, ASignalThatIsSentBeforeTheStartWaitsForIt) {
  const auto result =
      run_play({.command = {"./probe", "sleep", "30000"}, .steps = {}, .at_once = send(SIGTERM)});
  EXPECT_EQ(outcome_of(result), "signaled") << result.verdict.message;
  EXPECT_EQ(result.verdict.signal, SIGTERM);
}

TEST_F(InteractiveTest, AStoppedProgramGoesOnWhenItIsToldTo) {
  // The stop itself says nothing; that it held is seen from the host.
  bool stopped = false;
  const auto look = [&](job::Stage& stage) {
    EXPECT_TRUE(stage.signal(SIGSTOP));
    stopped = comes_true([&] {
      for (const HostProcess& process : cell_processes()) {
        if (process.command == "probe" && process.state == "T") return true;
      }
      return false;
    });
    EXPECT_TRUE(stage.signal(SIGTERM));
    EXPECT_TRUE(stage.signal(SIGCONT));
  };
  const auto result = run_play(
      {.command = {"./probe", "hear-signals"}, .steps = {{.text = "ready", .action = look}}});
  EXPECT_TRUE(stopped);
  EXPECT_EQ(outcome_of(result), "ok");
}

TEST_F(InteractiveTest, AStoppedProgramUsesUpItsWallTime) {
  Limits limits = roomy_limits();
  limits.wall_time = std::chrono::milliseconds(500);
  const auto result = run_play({.command = {"./probe", "hear-signals"},
                                .steps = {{.text = "ready", .action = send(SIGSTOP)}},
                                .limits = limits});
  EXPECT_EQ(outcome_of(result), "wall_time_limit");
}

TEST_F(InteractiveTest, OnlyTheFirstProcessIsSentTheSignal) {
  const auto result = run_play({.command = {"/bin/sh",
                                            "-c",
                                            "(trap 'echo child' USR1; echo up; sleep 1; sleep 1) & "
                                            "trap 'echo parent; exit 0' USR1; wait; wait"},
                                .steps = {{.text = "up", .action = send(SIGUSR1)}}});
  EXPECT_EQ(outcome_of(result), "ok") << result.verdict.message;
  EXPECT_EQ(seen(), "up\nparent\n");
}

TEST_F(InteractiveTest, ASignalToAnEndedProgramGoesNowhere) {
  // The cell is still there while we are not yet told of the end: some of these cross it.
  for (int round = 0; round < 20; ++round) {
    const auto result = run_play(
        {.command = {"./probe", "exit", "7"}, .steps = {}, .at_once = [](job::Stage& stage) {
           for (int i = 0; i < 50; ++i) EXPECT_TRUE(stage.signal(SIGWINCH));
         }});
    EXPECT_EQ(result.verdict.exit_code, 7);
  }
  // Of a cell that is gone, and of one that never was.
  EXPECT_TRUE(keeper().signal(1, SIGKILL));
  EXPECT_TRUE(keeper().signal(1'000'000, SIGKILL));
  EXPECT_EQ(outcome_of(run_probe({"exit", "0"})), "ok");
}

TEST_F(InteractiveTest, WhatNobodyMaySendIsRefusedAndHarmsNothing) {
  const auto result =
      run_play({.command = {"./probe", "hear-signals"},
                .steps = {{.text = "ready", .action = [](job::Stage& stage) {
                             for (const int number : {0, -1, SIGSEGV, SIGXCPU, SIGSYS, SIGRTMIN})
                               EXPECT_FALSE(stage.signal(number)) << number;
                             EXPECT_TRUE(stage.signal(SIGTERM));
                           }}}});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(seen(), "ready\nSIGTERM from 0\n");
}

}  // namespace
}  // namespace retort::test
