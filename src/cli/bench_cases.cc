// Bench cases: sources, runtimes, and one job for the keeper.
#include "cli/bench_cases.h"

#include <fcntl.h>

#include <filesystem>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "kernel/files.h"

namespace retort::cli {

using base::Duration;
using base::Error;
using base::Fault;
using base::monotonic_now;
using base::os_error;
using base::Result;

namespace {

constexpr std::size_t kLargestProgram = 64U << 20U;
constexpr std::size_t kShown = 200;  // bytes of a wrong answer

constexpr const char* kPython = "print(\"hello\")\n";
constexpr const char* kCpp = "#include <iostream>\n\nint main() { std::cout << \"hello\\n\"; }\n";

// The program retort-nothing beside this one.
Result<std::string> read_nothing() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return os_error("readlink", "/proc/self/exe", error.value());
  return kernel::read_small_file(AT_FDCWD, self.parent_path() / "retort-nothing", kLargestProgram);
}

BenchCase nothing_case() {
  BenchCase result;
  result.name = "nothing";
  result.title = "nothing (static)";
  result.manifest.id = "nothing";
  result.manifest.run.command = {"./nothing"};
  if (auto program = read_nothing()) {
    result.source = {.name = "nothing", .content = *std::move(program), .executable = true};
  } else {
    result.skipped = program.error().what;
  }
  return result;
}

// Prints "hello".
BenchCase language_case(const runtime::Catalogue& catalogue,
                        const std::string& name,
                        const std::string& title,
                        job::SourceFile source) {
  BenchCase result;
  result.name = name;
  result.title = title;
  result.source = std::move(source);
  result.expected_stdout = "hello\n";
  const auto found = catalogue.find(result.name);
  if (!found) {
    result.skipped = found.error().what;
  } else {
    result.manifest = (*found)->manifest;
    result.skipped = (*found)->reason();
  }
  return result;
}

job::Submission submission_of(const BenchCase& bench_case, const Workbench& bench) {
  job::Submission submission;
  const runtime::Manifest& manifest = bench_case.manifest;
  submission.program.runtime = &manifest;
  submission.program.files = {bench_case.source};
  submission.program.run_limits = manifest.run.limits;
  submission.program.compile_limits =
      manifest.compile ? manifest.compile->stage.limits : cell::compile_defaults();
  submission.allow_unenforced = bench.keeper->abilities().unenforceable;
  return submission;
}

}  // namespace

std::string answer_differs(const std::string& stdout_bytes, const BenchCase& bench_case) {
  if (stdout_bytes == bench_case.expected_stdout) return {};
  return "stdout \"" + base::printable(stdout_bytes.substr(0, kShown)) + "\", expected \"" +
         base::printable(bench_case.expected_stdout) + "\"";
}

std::vector<BenchCase> bench_cases(const runtime::Catalogue& catalogue,
                                   unsigned runs,
                                   unsigned compile_runs) {
  std::vector<BenchCase> cases;
  cases.push_back(nothing_case());
  cases.push_back(
      language_case(catalogue, "python", "Python hello", {.name = "hello.py", .content = kPython}));
  cases.push_back(language_case(
      catalogue, "cpp", "C++ compile and run", {.name = "hello.cpp", .content = kCpp}));
  for (BenchCase& each : cases) each.runs = each.manifest.compile ? compile_runs : runs;
  return cases;
}

Result<std::vector<std::string>> cell_variables(Workbench& bench) {
  BenchCase asker;
  asker.source = {.name = "none", .content = ""};
  asker.manifest.id = "variables";
  asker.manifest.run.command = {"/usr/bin/env", "--null"};
  RETORT_TRY(const auto result, bench.run(submission_of(asker, bench)));
  if (result.outcome != cell::Outcome::ok) {
    return Error{Fault::internal, "/usr/bin/env in a cell: " + result.message, 0};
  }
  std::vector<std::string> variables;
  std::string_view rest = result.stages.back().stdout_text.bytes;
  for (std::size_t end = rest.find('\0'); end != std::string_view::npos; end = rest.find('\0')) {
    variables.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return variables;
}

Result<Sample> run_in_cell(Workbench& bench, const BenchCase& bench_case) {
  job::Submission submission = submission_of(bench_case, bench);
  const Duration started = monotonic_now();
  RETORT_TRY(const auto result, bench.run(std::move(submission)));
  Sample sample;
  sample.took = monotonic_now() - started;
  for (const job::StageResult& stage : result.stages) {
    sample.setup += Duration(static_cast<Duration::rep>(stage.facts.setup_us));
  }
  if (result.outcome != cell::Outcome::ok) {
    sample.wrong =
        "status " + std::string(cell::outcome_name(result.outcome)) + ": " + result.message;
    if (!result.stages.empty()) {
      const std::string& said = result.stages.back().stderr_text.bytes;
      if (!said.empty()) {
        sample.wrong += "; stderr \"" + base::printable(said.substr(0, kShown)) + "\"";
      }
    }
    return sample;
  }
  sample.wrong = answer_differs(result.stages.back().stdout_text.bytes, bench_case);
  return sample;
}

}  // namespace retort::cli
