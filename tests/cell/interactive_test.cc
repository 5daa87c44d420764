// Interactive: programs that somebody talks to while they run. Signals from outside, and a
// terminal.
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cell/bundle.h"
#include "cell/signals.h"
#include "kernel/files.h"
#include "kernel/process.h"
#include "kernel/terminal.h"
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
  std::optional<kernel::TerminalSize> terminal = {};
  std::string typed = {};                         // before anything has come
  bool input_ends = false;                        // after that
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
  std::function<void(job::Stage&)> type(const std::string& text) {
    return [this, text](auto&) { EXPECT_TRUE(kernel::write_all(input_, text)); };
  }
  std::function<void(job::Stage&)> end_input() {
    return [this](auto&) { input_.reset(); };
  }
  std::function<void(job::Stage&)> stop_reading() {
    return [this](auto&) {
      loop().forget(output_.get());
      output_.reset();
    };
  }
  // What a program in a terminal of 24 rows and 80 columns prints, without its carriage returns.
  std::string printed_in_terminal(const Words& command) {
    const auto result = run_play({.command = command, .steps = {}, .terminal = kSmall});
    EXPECT_EQ(outcome_of(result), "ok") << result.verdict.message << "\n" << seen();
    return without_returns(seen());
  }
  static std::string without_returns(std::string text) {
    std::erase(text, '\r');
    return text;
  }
  static constexpr kernel::TerminalSize kSmall{.rows = 24, .columns = 80};

 private:
  void see(const Play& play, job::Stage& stage);

  base::Fd input_;
  base::Fd output_;
  std::string seen_;
  std::size_t looked_at_ = 0;
  std::size_t step_ = 0;
};

base::Fd bundle_of(const Words& command, const std::string& probe) {
  auto bundle = kernel::make_memory_file("bundle");
  EXPECT_TRUE(bundle);
  cell::BundleWriter writer(*bundle);
  for (const std::string& word : command) EXPECT_TRUE(writer.add(cell::Record::argument, "", word));
  EXPECT_TRUE(writer.add(cell::Record::variable, "", "PATH=/usr/bin:/bin"));
  EXPECT_TRUE(writer.add(cell::Record::file, "probe", probe, 0755));
  EXPECT_TRUE(writer.end());
  EXPECT_TRUE(kernel::seal(*bundle));
  return *std::move(bundle);
}

void InteractiveTest::see(const Play& play, job::Stage& stage) {
  std::vector<char> buffer(1U << 16U);
  const ssize_t count = ::read(output_.get(), buffer.data(), buffer.size());
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
  const base::Fd bundle = bundle_of(play.command, probe_program());
  auto output = kernel::make_pipe();
  EXPECT_TRUE(output && kernel::set_nonblocking(output->read_end));
  output_ = std::move(output->read_end);
  std::optional<base::Result<StageResult>> result;
  job::StageStreams streams;
  streams.stdout_sink = output->write_end.get();
  streams.terminal = play.terminal;
  auto input = kernel::make_pipe();
  EXPECT_TRUE(input && kernel::write_all(input->write_end, play.typed));
  streams.stdin_source = input->read_end.get();
  input_ = play.input_ends ? base::Fd() : std::move(input->write_end);
  input->write_end.reset();
  job::Stage stage(job::Means{.loop = loop(), .keeper = keeper()},
                   "run",
                   {.limits = play.limits},
                   bundle,
                   streams,
                   [&](base::Result<StageResult> ended) {
                     result.emplace(std::move(ended));
                     loop().stop();
                   });
  EXPECT_TRUE(loop().watch(output_.get(), EPOLLIN, [&](auto) { see(play, stage); }));
  if (play.at_once) play.at_once(stage);
  EXPECT_TRUE(loop().run());
  if (output_.is_open()) see(play, stage);
  loop().forget(output_.get());
  output_.reset();
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
                                            "trap 'echo parent; exit 0' USR1; "
                                            "(trap 'echo child' USR1; echo up; sleep 1; sleep 1) & "
                                            "wait; wait"},
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

// ---- A terminal. ----

TEST_F(InteractiveTest, AProgramHasATerminalOfItsOwnThatIsItsSessions) {
  EXPECT_EQ(printed_in_terminal({"./probe", "terminal"}),
            "isatty 1\nisatty 1\nisatty 1\nname /dev/pts/0\nsize 24 80\nsession 1\nforeground 1\n"
            "ok\nok\nok\n");
}

// In a process of its own, which becomes an ordinary user: what its program printed, to stdout.
int print_as_ordinary_user(const Words& command, const std::string& probe) {
  constexpr unsigned kSomebody = 47'11;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
      ::setresuid(kSomebody, kSomebody, kSomebody) != 0) {
    return 1;
  }
  ::unsetenv("XDG_RUNTIME_DIR");
  auto loop = kernel::EventLoop::create();
  if (!loop) return 2;
  auto client = keeper::Client::start(**loop);
  if (!client) {
    std::fprintf(stderr, "%s\n", client.error().what.c_str());
    return 3;
  }
  const base::Fd bundle = bundle_of(command, probe);
  int code = 4;
  const job::Stage stage(
      job::Means{.loop = **loop, .keeper = **client},
      "run",
      {.limits = roomy_limits(), .allow_unenforced = (*client)->abilities().unenforceable},
      bundle,
      {.stdin_text = "", .stdout_sink = 1, .terminal = kernel::TerminalSize{24, 80}},
      [&](base::Result<StageResult> ended) {
        code = ended && ended->verdict.exit_code == 0 ? 0 : 5;
        if (!ended) std::fprintf(stderr, "%s\n", ended.error().what.c_str());
        if (ended) std::fprintf(stderr, "%s\n", ended->verdict.message.c_str());
        (*loop)->stop();
      });
  return (*loop)->run() ? code : 6;
}

std::string printed_by_ordinary_user(const Words& command, const std::string& probe) {
  auto pipe = kernel::make_pipe();
  EXPECT_TRUE(pipe);
  auto child = kernel::fork_child(0);
  EXPECT_TRUE(child);
  if (child->pid == 0) {
    ::dup2(pipe->write_end.get(), 1);
    (void)kernel::close_descriptors_from(3);
    ::_exit(print_as_ordinary_user(command, probe));
  }
  pipe->write_end.reset();
  std::string text(1U << 16U, '\0');
  const auto count = kernel::read_full(pipe->read_end, std::as_writable_bytes(std::span(text)));
  text.resize(count.value_or(0));
  const auto ended = kernel::reap(child->pidfd);
  EXPECT_TRUE(ended && ended->si_code == CLD_EXITED && ended->si_status == 0)
      << (ended ? ended->si_status : -1);
  return text;
}

// An ordinary user can make no device nodes, and has one id for all: who may do less is shut out by
// the kernel's count and by mounts alone.
TEST_F(InteractiveTest, AnOrdinaryUsersProgramHasATerminalOfItsOwnAsWell) {
  if (kernel::read_small_file(AT_FDCWD, "/proc/sys/kernel/unprivileged_userns_clone")
          .value_or("1") == "0\n")
    GTEST_SKIP() << "ordinary users may not make user namespaces here";
  EXPECT_EQ(without_returns(printed_by_ordinary_user({"./probe", "terminal"}, probe_program())),
            "isatty 1\nisatty 1\nisatty 1\nname /dev/pts/0\nsize 24 80\nsession 1\nforeground 1\n"
            "ok\nok\nok\n");
  EXPECT_EQ(
      without_returns(printed_by_ordinary_user({"./probe", "more-terminals"}, probe_program())),
      "ENOENT\nEACCES\nENOENT\nENOENT\nENOENT\nEROFS\nEROFS\nEROFS\n");
}

TEST_F(InteractiveTest, WithoutOneThereIsNone) {
  EXPECT_EQ(lines_of(run_probe({"terminal"}).stdout_text.bytes),
            (Words{"isatty 0", "isatty 0", "isatty 0", "name none"}));
}

TEST_F(InteractiveTest, OrdinaryToolsFindTheTerminal) {
  EXPECT_EQ(
      printed_in_terminal({"/bin/sh", "-c", "tty; stty size; ls -1 /dev /dev/pts"}),
      "/dev/pts/0\n24 80\n/dev:\nfd\nfull\nnull\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\n"
      "urandom\nzero\n\n/dev/pts:\n0\nptmx\n");
}

TEST_F(InteractiveTest, PythonFindsTheTerminal) {
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  EXPECT_EQ(
      printed_in_terminal({"/usr/bin/python3",
                           "-c",
                           "import os\nprint([os.isatty(i) for i in range(3)], os.ttyname(0), "
                           "os.get_terminal_size())"}),
      "[True, True, True] /dev/pts/0 os.terminal_size(columns=80, lines=24)\n");
}

TEST_F(InteractiveTest, NoOtherTerminalCanBeHad) {
  EXPECT_EQ(printed_in_terminal({"./probe", "more-terminals"}),
            "ENOENT\nEACCES\nENOENT\nENOENT\nENOENT\nEROFS\nEROFS\nEROFS\n");
}

TEST_F(InteractiveTest, NoCommandPutsWordsIntoTheTerminalOrChangesItsKind) {
  std::string expected;
  for (int command = 0; command < 9; ++command) expected += "ENOSYS\n";
  EXPECT_EQ(printed_in_terminal({"./probe", "terminal-commands"}), expected);
}

TEST_F(InteractiveTest, MountsOfATerminalAreTheCellsOwn) {
  const std::string mounts = printed_in_terminal({"./probe", "mounts"});
  EXPECT_NE(mounts.find(" / /dev/pts ro,nosuid,noexec,relatime - devpts devpts "),
            std::string::npos)
      << mounts;
  EXPECT_EQ(mounts.find("shared:"), std::string::npos) << mounts;
}

TEST_F(InteractiveTest, WhatIsTypedIsEchoedAndReadLineByLine) {
  const auto result = run_play(
      {.command = {"/bin/sh", "-c", "echo up; read a; echo \"<$a>\"; read b; echo \"<$b>\""},
       .steps = {{.text = "up", .action = type("one\n")},
                 {.text = "<one>", .action = type("tow\x7f\x7fwo\n")}},
       .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_NE(seen().find("<two>\r\n"), std::string::npos) << seen();
  EXPECT_EQ(seen().substr(0, 9), "up\r\none\r\n");
}

TEST_F(InteractiveTest, CtrlCEndsTheProgramByASignal) {
  const auto result = run_play({.command = {"/bin/sh", "-c", "echo up; while :; do sleep 1; done"},
                                .steps = {{.text = "up", .action = type("\x03")}},
                                .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "signaled") << result.verdict.message;
  EXPECT_EQ(result.verdict.signal, SIGINT);
}

TEST_F(InteractiveTest, AShellHasJobControl) {
  const auto when = [this](const std::string& state, const std::string& text) {
    return [this, state, text](job::Stage& stage) {
      EXPECT_TRUE(comes_true([this, state] {
        for (const HostProcess& process : cell_processes()) {
          if (process.command == "sleep" && process.state == state) return true;
        }
        return false;
      })) << state;
      type(text)(stage);
    };
  };
  const auto result =
      run_play({.command = {"/bin/bash", "--norc", "-i"},
                .steps = {{.text = "$ ", .action = type("sleep 100\n")},
                          {.text = "sleep 100\r\n", .action = when("S", "\x1a")},
                          {.text = "Stopped", .action = type("fg\n")},
                          {.text = "fg\r\nsleep 100\r\n", .action = when("S", "\x03")},
                          {.text = "$ ", .action = type("exit 5\n")}},
                .terminal = kSmall});
  EXPECT_EQ(result.verdict.exit_code, 5) << seen();
}

TEST_F(InteractiveTest, TheEndOfTheInputIsTheEndOfTheTerminals) {
  for (const char* typed : {"", "one\ntwo\n", "one\nrest"}) {
    const auto result =
        run_play({.command = {"/bin/sh", "-c", "stty -echo; echo up; cat; echo over"},
                  .steps = {{.text = "up",
                             .action =
                                 [&](job::Stage& stage) {
                                   type(typed)(stage);
                                   end_input()(stage);
                                 }}},
                  .terminal = kSmall});
    EXPECT_EQ(outcome_of(result), "ok");
    EXPECT_EQ(without_returns(seen()), "up\n" + std::string(typed) + "over\n");
  }
}

TEST_F(InteractiveTest, InputThatIsThereBeforeTheProgramIsNotLost) {
  const auto result = run_play({.command = {"./probe", "count-stdin"},
                                .steps = {},
                                .terminal = kSmall,
                                .typed = "one\ntwo\n",
                                .input_ends = true});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_EQ(without_returns(seen()), "one\ntwo\n8\n");
}

TEST_F(InteractiveTest, TheProgramIsToldOfANewSize) {
  const auto resize = [](std::uint16_t rows, std::uint16_t columns) {
    return
        [=](job::Stage& stage) { EXPECT_TRUE(stage.resize({.rows = rows, .columns = columns})); };
  };
  const auto result = run_play({.command = {"./probe", "watch-size"},
                                .steps = {{.text = "size 24 80\r\n", .action = resize(50, 132)},
                                          {.text = "size 50 132\r\n", .action = resize(4096, 1)},
                                          {.text = "size 4096 1\r\n", .action = end_input()}},
                                .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "ok");
}

TEST_F(InteractiveTest, ASizeThatNoTerminalHasIsRefused) {
  const auto result = run_play({.command = {"./probe", "terminal"},
                                .steps = {},
                                .terminal = kSmall,
                                .at_once = [](job::Stage& stage) {
                                  EXPECT_FALSE(stage.resize({.rows = 0, .columns = 80}));
                                  EXPECT_FALSE(stage.resize({.rows = 24, .columns = 4097}));
                                  EXPECT_TRUE(stage.resize({.rows = 30, .columns = 90}));
                                }});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_NE(seen().find("size 30 90\r\n"), std::string::npos) << seen();
  const auto without =
      run_play({.command = {"./probe", "exit", "0"}, .steps = {}, .at_once = [](job::Stage& stage) {
                  EXPECT_FALSE(stage.resize({.rows = 30, .columns = 90}));
                }});
  EXPECT_EQ(outcome_of(without), "ok");
}

TEST_F(InteractiveTest, ATerminalsLastWordsAreNotLost) {
  for (int round = 0; round < 10; ++round) {
    const auto result = run_play(
        {.command = {"./probe", "write-stdout", "200000"}, .steps = {}, .terminal = kSmall});
    EXPECT_EQ(outcome_of(result), "ok");
    EXPECT_TRUE(without_returns(seen()) == counted_bytes(0, 200'000)) << seen().size();
  }
}

TEST_F(InteractiveTest, TheOutputLimitHoldsForATerminal) {
  Limits limits = roomy_limits();
  limits.output = base::ByteSize::of_bytes(10'000);
  const auto cut = run_play({.command = {"./probe", "write-stdout", "100000"},
                             .steps = {},
                             .limits = limits,
                             .terminal = kSmall});
  EXPECT_EQ(outcome_of(cut), "output_limit");
  EXPECT_EQ(cut.verdict.exit_code, 0);
  EXPECT_EQ(seen().size(), 10'000U);
  EXPECT_EQ(cut.stderr_text.total, 0U);
  const auto flood = run_play(
      {.command = {"./probe", "flood"}, .steps = {}, .limits = limits, .terminal = kSmall});
  EXPECT_EQ(outcome_of(flood), "output_limit");
  EXPECT_EQ(flood.verdict.signal, SIGKILL);
  EXPECT_EQ(seen().size(), 10'000U);
}

TEST_F(InteractiveTest, InputThatNobodyReadsHoldsNothingUp) {
  const auto result = run_play({.command = {"./probe", "exit", "3"},
                                .steps = {},
                                .terminal = kSmall,
                                .typed = std::string(60'000, 'x')});
  EXPECT_EQ(result.verdict.exit_code, 3);
}

TEST_F(InteractiveTest, AProgramThatClosesItsTerminalRunsOn) {
  const auto result =
      run_play({.command = {"./probe", "close-streams", "300"}, .steps = {}, .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_GE(result.facts.wall_us, 300'000U);
}

TEST_F(InteractiveTest, ATerminalWhoseReaderIsGoneHangsUp) {
  const auto result = run_play({.command = {"./probe", "flood"},
                                .steps = {{.text = "1\r\n", .action = stop_reading()}},
                                .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "signaled") << result.verdict.message;
  EXPECT_EQ(result.verdict.signal, SIGHUP);
}

TEST_F(InteractiveTest, ADaemonThatHoldsTheTerminalDoesNotDelayTheResult) {
  const auto result = run_play({.command = {"./probe", "daemon"}, .steps = {}, .terminal = kSmall});
  EXPECT_EQ(outcome_of(result), "ok");
  EXPECT_LT(result.facts.wall_us, 20'000'000U);
}

}  // namespace
}  // namespace retort::test
