// Job request: from a JSON body to a job that can be run, or to every fault of it at once.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "api/faults.h"
#include "api/key_bounds.h"
#include "api/offers.h"
#include "api/settings.h"
#include "base/error.h"
#include "job/submission.h"
#include "text/json.h"

namespace retort::api {

// What a body is for: webhooks are for stored jobs, and an interactive job is one run whose input
// comes live.
enum class JobForm : std::uint8_t { run, stored, interactive };

// The part of a job that a blob stands for.
enum class BlobPlace : std::uint8_t {
  archive,
  checker_archive,
  interactor_archive,
  input,        // stdin of a job without tests
  test_input,   // stdin of a test
  test_answer,  // expected_stdout of a test
};

struct BlobUse {
  std::string sha256;   // 64 lower-case hexadecimal digits
  std::string pointer;  // where it is named: "/archive/blob"
  BlobPlace place = BlobPlace::archive;
  std::size_t test = 0;

  [[nodiscard]] bool is_archive() const { return place <= BlobPlace::interactor_archive; }
};

struct JobRequest {
  job::Submission submission;  // its programs point to manifests of the offers' catalogue
  std::string runtime_id;
  int priority = 0;
  bool use_cache = true;
  std::string webhook;            // "": none
  std::uint64_t bytes = 0;        // what it holds of our memory, blobs apart
  std::uint64_t files_bytes = 0;  // files and archives; of blobs, who opens them adds their sizes,
                                  // and compares with settings.jobs.files_bytes
  std::vector<BlobUse> blobs;     // each still to be opened and put, see put_blob
};

// Bounds of a request that no setting changes.
constexpr std::int64_t kLargestPriority = 100;           // and the smallest is -100
constexpr std::size_t kLongestWord = (128U << 10U) - 1;  // MAX_ARG_STRLEN of execve(2)
constexpr std::uint64_t kMostWordBytes = 1U << 20U;      // arguments and variables, with pointers
constexpr std::size_t kLongestTestName = 128;            // bytes
constexpr std::uint64_t kLargestKept = 1U << 20U;        // of output_kept_bytes
constexpr std::uint64_t kDefaultKept = 64U << 10U;       // the same, less when tests are many
constexpr std::uint64_t kMostKept = 64ULL << 20U;        // of all streams of all tests together
constexpr std::int64_t kInteractorMargin = 1'000'000;    // microseconds beyond its program's time

// `path` is where `body` is in what the client sent: Path() for a body of its own. Thread-safe;
// `key` is null for callers without one. Every fault that can be seen without running anything is
// there; those that only an archive's contents show come as a result's compile_error.
std::expected<JobRequest, Faults> parse_job_request(const text::json::value& body,
                                                    const Settings& settings,
                                                    const Offers& offers,
                                                    const KeyBounds* key,
                                                    JobForm form = JobForm::run,
                                                    const Path& path = {});

// Puts what was opened in its place. Errors: those of opening the file once more, for a run's
// stdin.
base::Status put_blob(job::Submission& submission, const BlobUse& use, job::Input blob);

}  // namespace retort::api
