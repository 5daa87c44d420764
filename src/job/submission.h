// Submission: what a client asks for, validated in its parts by those who use them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/units.h"
#include "cell/limits.h"
#include "job/stage.h"
#include "runtime/manifest.h"

namespace retort::job {

struct SourceFile {
  std::string name;  // relative, as validate_file_name wants it
  std::string content;
  bool executable = false;
};

// Bytes that go in: in memory, or a regular file that nobody changes, shared by those who read it.
struct Input {
  std::string text;
  std::shared_ptr<const base::Fd> file;  // instead of the text
};

// A program to be compiled (where its runtime compiles) and run: the submitted one, a checker, an
// interactor.
struct Program {
  const runtime::Manifest* runtime = nullptr;
  // The first is the main file, unless `main` names another.
  std::vector<SourceFile> files;
  // A zip or tar, unpacked inside a cell beside the files.
  std::optional<Input> archive;
  // The main file's name; empty: the first of `files`, or, of an archive alone, the runtime's own
  // name for it or the only file of the language.
  std::string main;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // of the run stage, over the manifest's
  cell::Limits compile_limits;
  cell::Limits run_limits;
};

enum class CheckKind : std::uint8_t {
  none,     // the program's own outcome is the test's
  exact,    // byte for byte
  tokens,   // the same words, whatever white space is between them
  floats,   // words, of which numbers may differ by `tolerance`
  program,  // a checker of the client's, in a cell of its own
};

struct Check {
  CheckKind kind = CheckKind::none;
  double tolerance = 1e-6;         // absolute or relative, whichever is kinder
  std::optional<Program> program;  // the checker: arguments "input output answer", see docs
};

struct TestCase {
  std::string name;
  Input input;
  std::optional<Input> answer = {};                   // the expected output
  std::optional<std::vector<std::string>> args = {};  // instead of the program's
};

struct TestSet {
  std::vector<TestCase> cases;
  Check check;
  // Joined to the program by pipes, instead of `input`: it is given that as its file "input".
  std::optional<Program> interactor;
  unsigned parallel = 1;  // tests side by side, as far as there are seats to spare
  bool stop_early = false;
  // Of each stream of each test, in the result.
  base::ByteSize output_kept = base::ByteSize::of_bytes(64U << 10U);
};

struct JobResult;
struct TestResult;

struct Submission {
  Program program;
  std::optional<TestSet> tests;  // instead of one run with the streams below
  std::uint32_t allow_unenforced = 0;
  std::vector<std::string> collect;  // names of files or folders that the run wrote; "." is all
  StageStreams streams;              // of the run stage; compilers are captured
  std::string cache_scope;           // clients of one scope share what was compiled
  // Told of each stage before the run that has ended ("unpack", "compile"), whatever it ended in.
  std::function<void(const StageResult&)> on_stage;
  std::function<void(std::size_t index, const TestResult&)> on_test;
};

// The memory that a submission's cells may use at one time.
base::ByteSize memory_of(const Submission& submission);

// The CPU time that all its cells may use together before they are ended: cpu_time and extra_time
// of every stage and test. At most about a year, which stands for all that is more.
base::Duration cpu_ceiling_of(const Submission& submission);

}  // namespace retort::job
