// Remote result: unknown members are passed over, since a newer server may have more of them.
#include "cli/remote_result.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "cell/bundle.h"
#include "kernel/files.h"
#include "text/encodings.h"

namespace retort::cli {

namespace json = text::json;
using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

Error no_result(const std::string& what) {
  return Error{Fault::internal, "the server's answer is no result of Retort's: " + what, 0};
}

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

const json::array* array_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value == nullptr ? nullptr : value->if_array();
}

// The bytes that text::put_bytes stored.
Result<std::string> bytes_of(const json::object& object, const std::string& key) {
  std::string text = text_of(object, key);
  if (text_of(object, key + "_encoding") != "base64") return text;
  auto bytes = text::parse_base64(text);
  if (!bytes) return no_result(key + " is no base64");
  return bytes;
}

// ---- Problems. ----

// Those of the problem codes that say that the request is wrong, and not the server or its state.
bool is_of_the_request(std::string_view code) {
  constexpr std::array<std::string_view, 5> kCodes = {"invalid_json",
                                                      "invalid_request",
                                                      "limit_out_of_bounds",
                                                      "unknown_runtime",
                                                      "body_too_large"};
  return std::ranges::count(kCodes, code) != 0;
}

std::string faults_of(const json::object& problem) {
  std::string faults;
  const json::array* errors = array_of(problem, "errors");
  if (errors == nullptr) return faults;
  for (const json::value& error : *errors) {
    const json::object* one = error.if_object();
    if (one == nullptr) continue;
    if (!faults.empty()) faults += "; ";
    const std::string pointer = text_of(*one, "pointer");
    faults += (pointer.empty() ? "" : pointer + ": ") + text_of(*one, "detail");
  }
  if (const auto omitted = number_of(problem, "errors_omitted"))
    faults += "; and " + std::to_string(*omitted) + " more";
  return faults;
}

// ---- Results. ----

Status read_stream(const json::object& record,
                   const std::string& key,
                   job::OutputPump::Text& stream) {
  RETORT_TRY(stream.bytes, bytes_of(record, key));
  const auto total = number_of(record, key + "_total_bytes");
  stream.total = total ? static_cast<std::uint64_t>(*total) : stream.bytes.size();
  return {};
}

// As the collector of this machine would have sent them.
Result<Fd> bundle_of(const json::array& files, const json::array& folders) {
  RETORT_TRY(Fd bundle, kernel::make_memory_file("retort-files"));
  cell::BundleWriter writer(bundle);
  for (const json::value& value : files) {
    const json::object* file = value.if_object();
    if (file == nullptr) return no_result("a file is no object");
    RETORT_TRY(const std::string name, bytes_of(*file, "name"));
    if (file->contains("content")) {
      RETORT_TRY(const std::string content, bytes_of(*file, "content"));
      const json::value* const executable = file->if_contains("executable");
      const bool is_executable = executable != nullptr && *executable == true;
      RETORT_CHECK(writer.add(cell::Record::file, name, content, is_executable ? 0755 : 0644));
    } else {
      const std::string why = text_of(*file, "refused");
      RETORT_CHECK(writer.add(cell::Record::refused, name, why.empty() ? "not sent" : why));
    }
  }
  for (const json::value& value : folders) {
    const json::object* folder = value.if_object();
    if (folder == nullptr) return no_result("a folder is no object");
    RETORT_TRY(const std::string name, bytes_of(*folder, "name"));
    RETORT_CHECK(writer.add(cell::Record::directory, name, ""));
  }
  RETORT_CHECK(writer.end());
  if (::lseek(bundle.get(), 0, SEEK_SET) != 0) return base::os_error("lseek", "");
  return bundle;
}

}  // namespace

Error to_error(const json::object& problem) {
  const std::string code = text_of(problem, "code");
  std::string what = faults_of(problem);
  if (what.empty()) what = text_of(problem, "detail");
  if (what.empty()) what = text_of(problem, "title");
  what = base::printable(code + ": " + what);
  if (const auto seconds = number_of(problem, "retry_after_s"))
    what += "; try again in " + std::to_string(*seconds) + " s";
  if (code == "unauthorized") what += " (RETORT_KEY, or the file ~/.config/retort/key)";
  return Error{is_of_the_request(code) ? Fault::invalid : Fault::internal, what, 0};
}

Result<json::object> read_answer(const HttpAnswer& answer, const std::string& server) {
  auto parsed = text::parse_json(answer.body);
  json::object* object = parsed ? parsed->if_object() : nullptr;
  if (answer.status == 200 && object != nullptr) return std::move(*object);
  if (answer.content_type.starts_with("application/problem+json") && object != nullptr)
    return to_error(*object);
  std::string what = server + " answered with the status " + std::to_string(answer.status);
  if (!answer.location.empty()) {
    what += ", to ask " + base::printable(answer.location) + " instead";
  } else {
    what += " and no JSON; is it a server of Retort's?";
  }
  return Error{Fault::internal, what, 0};
}

Error refusal_error(const http::Response& answer, const std::string& server) {
  HttpAnswer told{.status = answer.status,
                  .content_type = answer.content_type,
                  .body = answer.body,
                  .location = {}};
  for (const http::Header& header : answer.headers) {
    if (header.name == "Location") told.location = header.value;
  }
  const auto read = read_answer(told, server);
  return read ? no_result("it is no WebSocket") : read.error();
}

Result<job::StageResult> read_stage(const json::value& value) {
  const json::object* record = value.if_object();
  if (record == nullptr) return no_result("a stage is no object");
  const std::string status = text_of(*record, "status");
  const auto outcome = cell::find_outcome(status);
  if (!outcome) return no_result("unknown status '" + base::printable(status) + "'");
  job::StageResult stage;
  stage.name = text_of(*record, "name");
  stage.verdict.outcome = *outcome;
  stage.verdict.message = base::printable(text_of(*record, "message"));
  if (const auto code = number_of(*record, "exit_code"))
    stage.verdict.exit_code = static_cast<int>(*code);
  if (const auto signal = number_of(*record, "signal"))
    stage.verdict.signal = static_cast<int>(*signal);
  RETORT_CHECK(read_stream(*record, "stdout", stage.stdout_text));
  RETORT_CHECK(read_stream(*record, "stderr", stage.stderr_text));
  return stage;
}

Result<job::JobResult> read_result(const json::object& record) {
  job::JobResult result;
  const auto outcome = cell::find_outcome(text_of(record, "status"));
  const json::array* stages = array_of(record, "stages");
  if (!outcome || stages == nullptr || stages->empty())
    return no_result("it has no known status, or no stage");
  result.outcome = *outcome;
  result.message = base::printable(text_of(record, "message"));
  for (const json::value& stage : *stages) {
    RETORT_TRY(auto one, read_stage(stage));
    result.stages.push_back(std::move(one));
  }
  const json::array none;
  const json::array* files = array_of(record, "files");
  const json::array* folders = array_of(record, "folders");
  RETORT_TRY(result.files,
             bundle_of(files == nullptr ? none : *files, folders == nullptr ? none : *folders));
  return result;
}

}  // namespace retort::cli
