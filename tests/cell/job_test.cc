// Jobs of more than one cell: archives, test sets, checkers, interactors, and what is compiled
// once.
#include "job/job.h"

#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "job/compile_cache.h"
#include "kernel/files.h"
#include "support/cell_test.h"

namespace retort::test {
namespace {

using cell::Outcome;
using job::CheckKind;
using job::JobResult;
using job::Submission;

// Python as it is, and a language whose compiler is cp(1).
runtime::Manifest python() {
  runtime::Manifest manifest;
  manifest.id = "python";
  manifest.main = "main.py";
  manifest.extensions = {"py"};
  manifest.run.command = {"/usr/bin/python3", "{main}"};
  return manifest;
}

runtime::Manifest compiled_python() {
  runtime::Manifest manifest = python();
  manifest.compile.emplace();
  manifest.compile->stage.command = {"/bin/cp", "--", "{main}", "program"};
  manifest.compile->artefacts = {"program"};
  manifest.run.command = {"/usr/bin/python3", "./program"};
  return manifest;
}

job::Input text(std::string text) {
  return {.text = std::move(text), .file = nullptr};
}

// Entries in memory; each answer comes from the loop, as a disk's does.
class MemoryShelf : public job::CompileCache::Shelf {
 public:
  explicit MemoryShelf(kernel::EventLoop& loop) : loop_(loop), timer_(*kernel::Timer::create()) {
    EXPECT_TRUE(loop_.watch(timer_.descriptor(), EPOLLIN, [this](auto) { answer(); }));
  }
  ~MemoryShelf() override { loop_.forget(timer_.descriptor()); }
  MemoryShelf(const MemoryShelf&) = delete;
  MemoryShelf& operator=(const MemoryShelf&) = delete;

  void get(const std::string& key, job::CompileCache::Answer answer_to) override {
    asked_.emplace_back(key, std::move(answer_to));
    EXPECT_TRUE(timer_.arm(base::Duration(1)));
  }
  void put(const std::string& key, base::Fd entry) override {
    ++puts;
    entries_[key] = std::move(entry);
  }
  unsigned puts = 0;

 private:
  void answer() {
    timer_.acknowledge();
    while (!asked_.empty()) {
      auto [key, answer_to] = std::move(asked_.front());
      asked_.pop_front();
      const auto found = entries_.find(key);
      if (found == entries_.end()) {
        answer_to(std::nullopt);
      } else {
        answer_to(base::Fd(::fcntl(found->second.get(), F_DUPFD_CLOEXEC, 0)));
      }
    }
  }

  kernel::EventLoop& loop_;
  kernel::Timer timer_;
  std::deque<std::pair<std::string, job::CompileCache::Answer>> asked_;
  std::map<std::string, base::Fd> entries_;
};

class JobTest : public CellTest {
 protected:
  Submission submission(const runtime::Manifest& manifest, std::string source) {
    Submission result;
    result.program.runtime = &manifest;
    result.program.files = {{.name = "main.py", .content = std::move(source)}};
    result.program.compile_limits = roomy_limits();
    result.program.run_limits = roomy_limits();
    result.allow_unenforced = keeper().abilities().unenforceable;
    return result;
  }
  job::Program program(std::string source) {
    return submission(python_, std::move(source)).program;
  }

  std::vector<JobResult> run_all(std::vector<Submission> submissions,
                                 job::CompileCache* cache = nullptr,
                                 const job::Job::TakeSeat& take_seat = nullptr) {
    std::vector<std::optional<JobResult>> results(submissions.size());
    std::vector<std::unique_ptr<job::Job>> jobs;
    std::size_t waiting = submissions.size();
    for (std::size_t i = 0; i < submissions.size(); ++i) {
      jobs.push_back(std::make_unique<job::Job>(
          job::Means{.loop = loop(), .keeper = keeper(), .cache = cache},
          std::move(submissions.at(i)),
          [&, i](base::Result<JobResult> ended) {
            if (!ended) {
              ADD_FAILURE() << ended.error().what;
              results.at(i).emplace();
            } else {
              results.at(i) = *std::move(ended);
            }
            if (--waiting == 0) loop().stop();
          },
          take_seat));
      jobs.back()->start();
    }
    if (waiting > 0) EXPECT_TRUE(loop().run());
    std::vector<JobResult> all;
    for (auto& result : results) all.push_back(*std::move(result));
    return all;
  }
  JobResult run(Submission one, job::CompileCache* cache = nullptr) {
    std::vector<Submission> all;
    all.push_back(std::move(one));
    return std::move(run_all(std::move(all), cache).front());
  }

  const runtime::Manifest python_ = python();
  const runtime::Manifest compiled_ = compiled_python();
};

constexpr const char* kAdd = "a, b = map(int, input().split())\nprint(a + b)\n";

TEST_F(JobTest, EveryTestHasItsOwnInputAndVerdict) {
  Submission sums = submission(python_, kAdd);
  sums.tests.emplace();
  sums.tests->check.kind = CheckKind::tokens;
  sums.tests->cases = {
      {.name = "small", .input = text("1 2\n"), .answer = text("3")},
      {.name = "wrong", .input = text("1 2\n"), .answer = text("4")},
      {.name = "raises", .input = text("x\n"), .answer = text("4")},
      {.name = "large", .input = text("100000000000 1"), .answer = text(" 100000000001 ")},
  };
  const JobResult result = run(std::move(sums));
  EXPECT_EQ(result.outcome, Outcome::wrong_answer);
  EXPECT_EQ(result.message, "test wrong: word 1 is '3', expected '4'");
  ASSERT_EQ(result.tests.size(), 4U);
  EXPECT_EQ(result.tests[0].outcome, Outcome::ok);
  EXPECT_EQ(result.tests[0].run->stdout_text.bytes, "3\n");
  EXPECT_EQ(result.tests[1].outcome, Outcome::wrong_answer);
  EXPECT_EQ(result.tests[2].outcome, Outcome::nonzero_exit);
  EXPECT_EQ(result.tests[3].outcome, Outcome::ok);
}

TEST_F(JobTest, TestsStopEarlyOnlyWhenAsked) {
  for (const bool stop : {false, true}) {
    Submission one = submission(python_, "print(input())");
    one.tests.emplace();
    one.tests->check.kind = CheckKind::exact;
    one.tests->stop_early = stop;
    for (const char* answer : {"x\n", "y\n", "x\n"})
      one.tests->cases.push_back({.name = "", .input = text("x"), .answer = text(answer)});
    const JobResult result = run(std::move(one));
    EXPECT_EQ(result.outcome, Outcome::wrong_answer);
    EXPECT_EQ(result.tests[2].is_skipped, stop);
    EXPECT_EQ(result.message.substr(0, 6), "test 2");
  }
}

TEST_F(JobTest, TestsSideBySideShareTheArtefactsAndOneInputFile) {
  auto file = kernel::make_memory_file("input");
  ASSERT_TRUE(file);
  ASSERT_TRUE(kernel::write_all(*file, std::string_view("1 2\n")));
  const job::Input shared{.text = "", .file = std::make_shared<const base::Fd>(*std::move(file))};
  Submission one = submission(compiled_, kAdd);
  one.tests.emplace();
  one.tests->check.kind = CheckKind::exact;
  one.tests->parallel = 8;
  for (int i = 0; i < 24; ++i)
    one.tests->cases.push_back({.name = "", .input = shared, .answer = text("3\n")});
  job::Scheduler scheduler({.seats = 5, .memory = base::ByteSize::of_bytes(1ULL << 40U)});
  unsigned most = 0;
  std::vector<Submission> all;
  all.push_back(std::move(one));
  const auto results = run_all(std::move(all), nullptr, [&] {
    auto seat = scheduler.take_spare({});
    most = std::max(most, scheduler.figures().seats_taken);
    return seat;
  });
  EXPECT_EQ(results.front().outcome, Outcome::ok) << results.front().message;
  EXPECT_EQ(most, 5U);
  EXPECT_EQ(scheduler.figures().seats_taken, 0U);
}

TEST_F(JobTest, ACheckerSeesInputOutputAndAnswerAndDecides) {
  const char* const checker =
      "import sys\n"
      "given, said, right = (open(n).read().strip() for n in sys.argv[1:4])\n"
      "if said == 'crash': raise SystemExit(7)\n"
      "print('given', given, file=sys.stderr)\n"
      "sys.exit(0 if int(said) % 10 == int(right) % 10 else 1)\n";
  Submission one = submission(python_, "print(input())");
  one.tests.emplace();
  one.tests->check.kind = CheckKind::program;
  one.tests->check.program = program(checker);
  one.tests->cases = {
      {.name = "", .input = text("13"), .answer = text("3")},
      {.name = "", .input = text("14"), .answer = text("3")},
      {.name = "", .input = text("crash"), .answer = text("3")},
  };
  const JobResult result = run(std::move(one));
  EXPECT_EQ(result.tests[0].outcome, Outcome::ok);
  EXPECT_EQ(result.tests[0].message, "given 13");
  EXPECT_EQ(result.tests[1].outcome, Outcome::wrong_answer);
  EXPECT_EQ(result.tests[2].outcome, Outcome::check_error);
  EXPECT_EQ(result.tests[2].judge->verdict.exit_code, 7);
}

// A number is guessed by halving; the interactor knows it from its input.
TEST_F(JobTest, AnInteractorSpeaksWithTheProgram) {
  const char* const interactor =
      "import sys\n"
      "secret = int(open(sys.argv[1]).read())\n"
      "for turn in range(40):\n"
      "    guess = int(input())\n"
      "    print('=' if guess == secret else '<' if secret < guess else '>', flush=True)\n"
      "    if guess == secret: sys.exit(0)\n"
      "print('too many turns', file=sys.stderr)\n"
      "sys.exit(1)\n";
  const char* const guesser =
      "low, high = 0, 10**9\n"
      "while True:\n"
      "    middle = (low + high) // 2\n"
      "    print(middle, flush=True)\n"
      "    said = input()\n"
      "    if said == '=': break\n"
      "    if said == '<': high = middle - 1\n"
      "    else: low = middle + 1\n";
  const char* const stubborn = "while True:\n    print(1, flush=True)\n    input()\n";
  for (const bool is_good : {true, false}) {
    Submission one = submission(python_, is_good ? guesser : stubborn);
    one.tests.emplace();
    one.tests->interactor = program(interactor);
    one.tests->cases = {{.name = "", .input = text("123456789"), .answer = std::nullopt}};
    const JobResult result = run(std::move(one));
    EXPECT_EQ(result.outcome, is_good ? Outcome::ok : Outcome::wrong_answer) << result.message;
    ASSERT_TRUE(result.tests[0].judge);
    if (!is_good) EXPECT_EQ(result.tests[0].message, "too many turns");
  }
}

TEST_F(JobTest, ADeadlockWithTheInteractorEndsByTheWallTime) {
  Submission one = submission(python_, "input()");
  one.tests.emplace();
  one.tests->interactor = program("input()");
  one.program.run_limits.wall_time = std::chrono::milliseconds(300);
  one.tests->cases = {{.name = "", .input = text(""), .answer = std::nullopt}};
  const JobResult result = run(std::move(one));
  EXPECT_EQ(result.outcome, Outcome::wall_time_limit);
}

TEST_F(JobTest, ACheckerThatDoesNotCompileIsNoFaultOfTheProgram) {
  Submission one = submission(python_, "print(1)");
  one.tests.emplace();
  one.tests->check.kind = CheckKind::program;
  one.tests->check.program = submission(compiled_, "").program;
  one.tests->check.program->compile_limits.file_size = base::ByteSize::of_bytes(4096);
  one.tests->check.program->files.front().content.assign(8192, '#');
  one.tests->cases = {{.name = "", .input = text(""), .answer = text("1")}};
  const JobResult result = run(std::move(one));
  EXPECT_EQ(result.outcome, Outcome::check_error) << result.message;
  EXPECT_EQ(result.stages.back().name, "compile_checker");
}

TEST_F(JobTest, EqualCompilesHappenOnceAlsoAtTheSameTime) {
  MemoryShelf shelf(loop());
  job::CompileCache cache(shelf);
  std::vector<Submission> all;
  for (int i = 0; i < 10; ++i) all.push_back(submission(compiled_, "print('once')"));
  const auto results = run_all(std::move(all), &cache);
  unsigned compiled = 0;
  for (const JobResult& result : results) {
    EXPECT_EQ(result.outcome, Outcome::ok) << result.message;
    EXPECT_EQ(result.stages.back().stdout_text.bytes, "once\n");
    if (!result.is_cached) ++compiled;
  }
  EXPECT_EQ(compiled, 1U);
  EXPECT_EQ(shelf.puts, 1U);
  EXPECT_TRUE(run(submission(compiled_, "print('once')"), &cache).is_cached);
  // Another source, another scope, another set of files: another artefact.
  EXPECT_FALSE(run(submission(compiled_, "print('twice')"), &cache).is_cached);
  Submission scoped = submission(compiled_, "print('once')");
  scoped.cache_scope = "somebody";
  EXPECT_FALSE(run(std::move(scoped), &cache).is_cached);
  Submission more = submission(compiled_, "print('once')");
  more.program.files.push_back({.name = "data.txt", .content = ""});
  EXPECT_FALSE(run(std::move(more), &cache).is_cached);
}

TEST_F(JobTest, AFailedCompileIsNotKeptAndKeepsNobodyWaiting) {
  MemoryShelf shelf(loop());
  job::CompileCache cache(shelf);
  std::vector<Submission> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(submission(compiled_, "print(1)"));
    all.back().program.compile_limits.file_size = base::ByteSize::of_bytes(4096);
    all.back().program.files.front().content.assign(8192, '#');
  }
  for (const JobResult& result : run_all(std::move(all), &cache))
    EXPECT_NE(result.outcome, Outcome::ok);
  EXPECT_EQ(shelf.puts, 0U);
}

TEST_F(JobTest, AnArchiveIsUnpackedInACell) {
  // A tar(5) of ustar headers, made here: main.py, and a folder with a module.
  const auto entry = [](const std::string& name,
                        const std::string& content,
                        char type,
                        const std::string& link = "") {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& value) {
      value.copy(header.data() + at, value.size());
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    char size[16];
    std::snprintf(size, sizeof size, "%011zo", content.size());
    put(124, size);
    put(136, "00000000000");
    put(148, "        ");
    header[156] = type;
    put(157, link);
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    char text_of_sum[8];
    std::snprintf(text_of_sum, sizeof text_of_sum, "%06o", sum);
    put(148, std::string(text_of_sum) + '\0');
    std::string padded = content;
    padded.resize((content.size() + 511) / 512 * 512, '\0');
    return header + padded;
  };
  const std::string end(1024, '\0');
  Submission good = submission(python_, "");
  good.program.files.clear();
  good.program.archive = text(entry("main.py", "import tools.words\nprint(tools.words.W)\n", '0') +
                              entry("tools/words.py", "W = 'unpacked'\n", '0') + end);
  const JobResult result = run(std::move(good));
  EXPECT_EQ(result.outcome, Outcome::ok) << result.message;
  EXPECT_EQ(result.stages.front().name, "unpack");
  EXPECT_EQ(result.stages.back().stdout_text.bytes, "unpacked\n");

  const std::map<std::string, std::string> bad = {
      {"a way out", entry("../../escape", "x", '0') + end},
      {"a link", entry("main.py", "print(1)", '0') + entry("link", "", '2', "/etc/passwd") + end},
      {"no archive", "PK this is none"},
      {"no main file", entry("other.txt", "x", '0') + end},
  };
  for (const auto& [what, bytes] : bad) {
    Submission one = submission(python_, "");
    one.program.files.clear();
    one.program.archive = text(bytes);
    EXPECT_EQ(run(std::move(one)).outcome, Outcome::compile_error) << what;
  }
}

TEST_F(JobTest, WhatEveryCellHasUsedIsTold) {
  Submission one = submission(compiled_, "print(input())");
  one.tests.emplace();
  one.tests->check.kind = CheckKind::program;
  one.tests->check.program = program("");
  one.tests->cases = {{.name = "", .input = text("1")}, {.name = "", .input = text("2")}};
  std::vector<base::Duration> told;
  std::optional<JobResult> result;
  job::Job job(job::Means{.loop = loop(),
                          .keeper = keeper(),
                          .on_cpu_time = [&](base::Duration used) { told.push_back(used); }},
               std::move(one),
               [&](base::Result<JobResult> ended) {
                 ASSERT_TRUE(ended);
                 result = *std::move(ended);
                 loop().stop();
               });
  job.start();
  ASSERT_TRUE(loop().run());
  ASSERT_TRUE(result);
  std::vector<base::Duration> used;
  const auto add = [&](const job::StageResult& stage) {
    used.emplace_back(static_cast<base::Duration::rep>(stage.facts.cpu_us));
  };
  for (const job::StageResult& stage : result->stages) add(stage);
  for (const job::TestResult& test : result->tests) {
    add(*test.run);
    add(*test.judge);
  }
  EXPECT_EQ(used.size(), 1U + 2U * 2U);
  EXPECT_EQ(told, used);
}

TEST_F(JobTest, CancellingEndsEveryTest) {
  Submission one = submission(python_, "import time\ntime.sleep(60)");
  one.tests.emplace();
  one.tests->parallel = 4;
  one.tests->cases.resize(8);
  std::optional<JobResult> result;
  job::Job job(
      job::Means{.loop = loop(), .keeper = keeper()},
      std::move(one),
      [&](base::Result<JobResult> ended) {
        ASSERT_TRUE(ended);
        result = *std::move(ended);
        loop().stop();
      },
      [] { return std::optional<job::Scheduler::Seat>(); });
  auto timer = kernel::Timer::create();
  ASSERT_TRUE(timer);
  ASSERT_TRUE(timer->arm(std::chrono::milliseconds(300)));
  ASSERT_TRUE(loop().watch(timer->descriptor(), EPOLLIN, [&](auto) {
    timer->acknowledge();
    job.cancel();
  }));
  job.start();
  ASSERT_TRUE(loop().run());
  loop().forget(timer->descriptor());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->outcome, Outcome::cancelled);
  EXPECT_TRUE(result->tests.back().is_skipped);
}

}  // namespace
}  // namespace retort::test
