// Request parts: what the readers of a job's body share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/faults.h"
#include "api/job_request.h"
#include "api/object_reader.h"
#include "api/settings.h"
#include "job/submission.h"
#include "text/json.h"

namespace retort::api {

// A body while it is read.
struct Reading {
  const Settings& settings;
  const Offers& offers;
  const KeyBounds* key = nullptr;
  JobForm form = JobForm::run;
  Faults faults = {};
  JobRequest request = {};
  std::size_t files = 0;  // of all programs

  void fault(const Path& path, FaultCode code, std::string detail) {
    faults.add(path, code, std::move(detail));
  }
  // Memory that the request holds from now on.
  void hold(std::uint64_t bytes) { request.bytes += bytes; }
};

enum class Role : std::uint8_t { program, checker, interactor };

// The members of a program that is not the main one.
constexpr std::initializer_list<std::string_view> kProgramFields = {
    "runtime", "version", "files", "archive", "main", "args", "limits"};

// "args" and "env" of one execve(2), whose sum the kernel bounds.
class WordCount {
 public:
  // False, with a fault, when the word cannot be one, or is one too many.
  bool add(Reading& reading, std::string_view word, const Path& path);

 private:
  std::uint64_t bytes_ = 0;
  bool is_over_ = false;
};

// The program of `object`, which is at `path`. After faults, as much of it as is right.
job::Program read_program(
    Reading& reading, const ObjectReader& object, const Path& path, Role role, WordCount& words);
// The limits of both stages, from `limits` of `object`; an interactor must be able to outlive
// `program_time`.
void read_program_limits(Reading& reading,
                         const ObjectReader& object,
                         const Path& path,
                         job::Program& program,
                         base::Duration program_time = {});

std::vector<std::string> read_words(Reading& reading,
                                    const text::json::array& array,
                                    const Path& path,
                                    WordCount& words);

// Text or base64 of a "content", by the "encoding" beside it.
std::optional<std::string> read_content(Reading& reading,
                                        const ObjectReader& object,
                                        const Path& path);
// A digest, noted in the request's blobs.
void read_blob(Reading& reading, std::string_view digest, const Path& path, BlobUse use);
// Text, {"content", "encoding"} or {"blob"}.
std::optional<job::Input> read_input(Reading& reading,
                                     const text::json::value& value,
                                     const Path& path,
                                     const BlobUse& use);

// Everything about tests: `tests` and the members that go with it.
void read_tests(Reading& reading, const ObjectReader& object, const Path& path);

}  // namespace retort::api
