// Job request: any text as the body of a job, and what is accepted or refused of it.
#include "api/job_request.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "api/problem.h"
#include "api/webhook_url.h"
#include "cell/limits.h"
#include "fuzz/fuzz.h"
#include "runtime/command.h"

namespace retort::api {
namespace {

using fuzz::require;

// The repository's own runtimes; those that this host lacks are refused, which is a case as well.
struct World {
  Settings settings;
  runtime::Catalogue catalogue;
  Offers offers;
  KeyBounds key;

  World() {
    settings.webhooks.enabled = true;
    settings.jobs.most_files = 8;
    settings.jobs.most_tests = 8;
    settings.jobs.files_bytes = ByteSize::of_bytes(512);
    settings.queue.memory = 3_GiB;
    auto loaded = runtime::Catalogue::load({RETORT_SOURCE_DIR "/runtimes"});
    require(loaded.has_value(), "the runtimes can be read");
    catalogue = *std::move(loaded);
    offers = Offers(catalogue, {{"python", {.version = "3.11.2", .digest = ""}}}, settings, true);
    key = parse_key_bounds(R"({"run":{"largest":{"cpu_time_us":2000000},)"
                           R"("smallest":{"memory_bytes":8388608}}})")
              .value_or(KeyBounds{});
    key.largest_priority = 3;
  }
};

const World& world() {
  static const World kWorld;
  return kWorld;
}

void check_limits(const cell::Limits& limits, runtime::StageKind stage, bool is_of_key) {
  require(cell::validate(limits).has_value(), "limits are within what the keeper takes");
  const World& here = world();
  const bool is_run = stage == runtime::StageKind::run;
  const LimitValues& largest = is_run ? here.settings.run.largest : here.settings.compile.largest;
  const LimitValues values = values_of(limits);
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    const auto value = values.get(info.limit);
    const auto most = largest.get(info.limit);
    require(!value || !most || *value <= *most, "a limit is within the server's bound");
    if (!is_of_key || !is_run) continue;
    const auto narrowed = here.key.run.largest.get(info.limit);
    require(!value || !narrowed || *value <= *narrowed, "a limit is within the key's bound");
  }
}

void check_words(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    require(!word.contains('\0') && word.size() <= kLongestWord, "a word can be one");
  }
}

void check_program(const job::Program& program, bool is_of_key) {
  require(program.runtime != nullptr, "a program has a runtime");
  require(!program.files.empty() || program.archive, "a program has files");
  for (const job::SourceFile& file : program.files) {
    require(runtime::validate_file_name(file.name).has_value(), "a file's name is one");
    require(std::ranges::count(program.files, file.name, &job::SourceFile::name) == 1,
            "names are there once");
  }
  require(program.main.empty() || runtime::validate_file_name(program.main), "main is a name");
  check_words(program.args);
  for (const auto& [name, value] : program.env) {
    require(world().settings.allows_variable(name) && !value.contains('\0'), "a variable is one");
  }
  check_limits(program.compile_limits, runtime::StageKind::compile, is_of_key);
  check_limits(program.run_limits, runtime::StageKind::run, is_of_key);
}

void check_tests(const job::TestSet& set, bool is_of_key) {
  const Settings& settings = world().settings;
  require(!set.cases.empty() && set.cases.size() <= settings.jobs.most_tests, "tests are bounded");
  require(set.parallel >= 1 && set.parallel <= settings.jobs.parallel_tests, "so are the parallel");
  require(set.check.tolerance >= 0, "a tolerance is none below zero");
  require((set.check.kind == job::CheckKind::program) == set.check.program.has_value(),
          "a checker is there when it checks");
  require(!set.interactor || set.check.kind == job::CheckKind::none, "one judges");
  require(2 * set.cases.size() * set.output_kept.bytes() <= kMostKept, "what is kept is bounded");
  for (const job::TestCase& test : set.cases) {
    if (test.args) check_words(*test.args);
  }
  if (set.check.program) check_program(*set.check.program, is_of_key);
  if (set.interactor) check_program(*set.interactor, is_of_key);
}

void check_accepted(JobRequest request, JobForm form, bool is_of_key) {
  const Settings& settings = world().settings;
  const job::Submission& submission = request.submission;
  check_program(submission.program, is_of_key);
  require(request.runtime_id == submission.program.runtime->id, "the runtime is named");
  if (submission.tests) check_tests(*submission.tests, is_of_key);
  require(!submission.tests || form != JobForm::interactive, "interactive jobs have no tests");
  require(job::memory_of(submission) <= *settings.queue.memory, "its cells fit");
  require(request.files_bytes <= settings.jobs.files_bytes.bytes(), "its files are bounded");
  require(request.bytes >= request.files_bytes, "what it holds is counted");
  require(std::abs(request.priority) <= kLargestPriority, "its priority is bounded");
  require(!is_of_key || request.priority <= 3, "by its key, too");
  require(request.webhook.empty() || parse_webhook_url(request.webhook), "its webhook is a URL");
  require(request.webhook.empty() || form == JobForm::stored, "who waits is not called");
  for (const std::string& name : submission.collect) {
    require(name == "." || runtime::validate_file_name(name), "what is collected has a name");
  }
  const auto blobs = std::exchange(request.blobs, {});
  for (const BlobUse& use : blobs) {
    require(use.sha256.size() == 64, "a blob has a digest");
    require(put_blob(request.submission, use, {.text = "blob", .file = nullptr}).has_value(),
            "a blob has its place");
  }
}

void check_refused(const Faults& faults, const std::string& body) {
  require(!faults.empty() && faults.list().size() <= Faults::kMost, "a refusal has its reasons");
  for (const FieldFault& fault : faults.list()) {
    require(fault.pointer.empty() || fault.pointer.starts_with('/'), "a pointer is one");
    require(!fault.detail.empty() && fuzz::is_plain(fault.detail), "a detail is fit to be shown");
    for (const char* const secret : {RETORT_SOURCE_DIR, "runtime.toml", "apt-get"}) {
      // Unless the client said it.
      require(!fault.detail.contains(secret) || body.contains(secret),
              "a detail tells nothing of this host");
    }
  }
  const auto problem = text::parse_json(text::compact(to_json(problem_of(faults))));
  require(problem.has_value(), "a problem is JSON");
}

}  // namespace
}  // namespace retort::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::api;  // NOLINT(google-build-using-namespace)
  const auto body = retort::text::parse_json(retort::fuzz::text_of(data, size));
  if (!body) return 0;
  for (const JobForm form : {JobForm::run, JobForm::stored, JobForm::interactive}) {
    for (const KeyBounds* const key : {static_cast<const KeyBounds*>(nullptr), &world().key}) {
      auto request = parse_job_request(*body, world().settings, world().offers, key, form);
      if (request) {
        check_accepted(*std::move(request), form, key != nullptr);
      } else {
        check_refused(request.error(), retort::text::compact(*body));
      }
    }
  }
  // Any text as a key's bounds: what is accepted is written as it is read.
  const auto bounds = parse_key_bounds(retort::fuzz::text_of(data, size));
  if (bounds) {
    const auto again = parse_key_bounds(bounds_json(*bounds));
    retort::fuzz::require(again && bounds_json(*again) == bounds_json(*bounds), "bounds read back");
  }
  return 0;
}
