// Job request: the members of the body, and what must hold between them.
#include "api/job_request.h"

#include <array>
#include <memory>
#include <set>
#include <utility>

#include "api/request_parts.h"
#include "api/webhook_url.h"
#include "kernel/files.h"
#include "runtime/command.h"

namespace retort::api {

namespace json = text::json;

namespace {

constexpr std::array<std::string_view, 19> kFields = {"runtime",
                                                      "version",
                                                      "files",
                                                      "archive",
                                                      "main",
                                                      "args",
                                                      "env",
                                                      "stdin",
                                                      "limits",
                                                      "tests",
                                                      "check",
                                                      "interactor",
                                                      "parallel",
                                                      "stop_early",
                                                      "output_kept_bytes",
                                                      "collect",
                                                      "priority",
                                                      "cache",
                                                      "webhook"};

void read_env(Reading& reading, const json::object& env, const Path& path, WordCount& words) {
  auto& variables = reading.request.submission.program.env;
  for (const auto& member : env) {
    const std::string_view name = member.key();
    const Path place = path.at(name);
    if (!reading.settings.allows_variable(name)) {
      reading.fault(place,
                    FaultCode::invalid_value,
                    shown(name) + " is no variable that a request may set here");
      continue;
    }
    if (!is_text(member.value(), place, reading.faults)) continue;
    std::string entry(name);
    entry.append("=").append(std::string_view(member.value().get_string()));
    if (words.add(reading, entry, place))
      variables[std::string(name)] = entry.substr(name.size() + 1);
  }
}

void read_stdin(Reading& reading, const json::value& value, const Path& path) {
  const BlobUse use{.sha256 = {}, .pointer = {}, .place = BlobPlace::input};
  auto input = read_input(reading, value, path, use);
  if (input) reading.request.submission.streams.stdin_text = std::move(input->text);
}

void read_collect(Reading& reading, const json::array& array, const Path& path) {
  const std::size_t most = reading.settings.jobs.most_files;
  if (array.size() > most) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "at most " + std::to_string(most) + R"( names; "." is everything)");
    return;
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Path place = path.at(i);
    if (!is_text(array[i], place, reading.faults)) continue;
    const std::string_view name = array[i].get_string();
    const auto valid = name == "." ? base::Status() : runtime::validate_file_name(name);
    if (!valid) {
      reading.fault(place, FaultCode::invalid_value, valid.error().what);
    } else if (!seen.insert(name).second) {
      reading.fault(place, FaultCode::duplicate_name, shown(name) + " is there twice");
    } else {
      reading.request.submission.collect.emplace_back(name);
      reading.hold(sizeof(std::string) + name.size());
    }
  }
}

void read_priority(Reading& reading, const ObjectReader& object, const Path& path) {
  const auto priority = object.whole("priority", -kLargestPriority, kLargestPriority);
  if (!priority) return;
  reading.request.priority = static_cast<int>(*priority);
  const auto most = reading.key == nullptr ? std::nullopt : reading.key->largest_priority;
  if (!most || *priority <= *most) return;
  reading.fault(path.at("priority"),
                FaultCode::out_of_bounds,
                "this key allows at most " + std::to_string(*most));
}

void read_webhook(Reading& reading, std::string_view text, const Path& path) {
  if (reading.form != JobForm::stored) {
    return reading.fault(path, FaultCode::conflict, "goes with POST /v1/jobs alone");
  }
  if (!reading.settings.webhooks.enabled) {
    return reading.fault(path, FaultCode::conflict, "this server calls nobody");
  }
  if (const auto url = parse_webhook_url(text); !url) {
    return reading.fault(path, FaultCode::invalid_value, url.error().what);
  }
  reading.request.webhook = text;
  reading.hold(text.size());
}

// A job that would wait for ever: its cells are larger than all that there is.
void check_memory(Reading& reading, const Path& path) {
  const auto& most = reading.settings.queue.memory;
  if (!most || !reading.faults.empty()) return;
  const base::ByteSize memory = job::memory_of(reading.request.submission);
  if (memory <= *most) return;
  reading.fault(path.at("limits"),
                FaultCode::limit_out_of_bounds,
                "the cells that run at one time may use " + std::to_string(memory.bytes()) +
                    " bytes together; this server has " + std::to_string(most->bytes()));
}

void read_body(Reading& reading, const json::value& body, const Path& path) {
  if (!is_object(body, path, reading.faults)) return;
  const ObjectReader object(body.get_object(), path, reading.faults, kFields);
  JobRequest& request = reading.request;
  WordCount words;
  job::Program& program = request.submission.program;
  program = read_program(reading, object, path, Role::program, words);
  if (program.runtime != nullptr) request.runtime_id = program.runtime->id;
  read_program_limits(reading, object, path, program);
  if (const json::object* const env = object.object("env")) {
    read_env(reading, *env, path.at("env"), words);
  }
  if (const json::value* const input = object.find("stdin")) {
    read_stdin(reading, *input, path.at("stdin"));
  }
  read_tests(reading, object, path);
  if (const json::array* const collect = object.array("collect")) {
    read_collect(reading, *collect, path.at("collect"));
  }
  read_priority(reading, object, path);
  request.use_cache = object.flag("cache").value_or(true);
  if (const auto webhook = object.text("webhook")) {
    read_webhook(reading, *webhook, path.at("webhook"));
  }
  check_memory(reading, path);
}

// The stage reads from a place of its own in the file, and lets go of it when it is done.
base::Status put_stdin(job::StageStreams& streams, job::Input blob) {
  if (!blob.file) {
    streams.stdin_text = std::move(blob.text);
    return {};
  }
  RETORT_TRY(base::Fd reopened, kernel::reopen_for_reading(*blob.file));
  auto own = std::make_shared<base::Fd>(std::move(reopened));
  streams.stdin_source = own->get();
  streams.stdin_ended = [own] { own->reset(); };
  return {};
}

}  // namespace

std::expected<JobRequest, Faults> parse_job_request(const json::value& body,
                                                    const Settings& settings,
                                                    const Offers& offers,
                                                    const KeyBounds* key,
                                                    JobForm form,
                                                    const Path& path) {
  Reading reading{.settings = settings, .offers = offers, .key = key, .form = form};
  reading.hold(sizeof(JobRequest));
  read_body(reading, body, path);
  if (!reading.faults.empty()) return std::unexpected(std::move(reading.faults));
  return std::move(reading.request);
}

base::Status put_blob(job::Submission& submission, const BlobUse& use, job::Input blob) {
  switch (use.place) {
    case BlobPlace::archive:
      submission.program.archive = std::move(blob);
      return {};
    case BlobPlace::checker_archive:
      submission.tests->check.program->archive = std::move(blob);
      return {};
    case BlobPlace::interactor_archive:
      submission.tests->interactor->archive = std::move(blob);
      return {};
    case BlobPlace::input:
      return put_stdin(submission.streams, std::move(blob));
    case BlobPlace::test_input:
      submission.tests->cases.at(use.test).input = std::move(blob);
      return {};
    case BlobPlace::test_answer:
      submission.tests->cases.at(use.test).answer = std::move(blob);
      return {};
  }
  return {};
}

}  // namespace retort::api
