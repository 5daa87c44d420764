// Remote: one request, its input ahead of it, and its answer told as a run on this machine is.
#include "cli/remote.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "cli/http_client.h"
#include "cli/outcome.h"
#include "cli/remote_input.h"
#include "cli/remote_request.h"
#include "cli/remote_result.h"
#include "cli/server_key.h"
#include "cli/sources.h"
#include "job/report.h"
#include "kernel/files.h"

namespace retort::cli {

namespace json = text::json;
using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

namespace {

// A text of the command line or the program's is no JSON unless it is UTF-8.
Status check_args(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (!base::is_utf8(arg)) {
      return Error{
          Fault::invalid,
          "argument '" + base::printable(arg) + "' is not UTF-8, and cannot be sent to a server",
          0};
    }
  }
  return {};
}

Result<Fd> open_source(const RunOptions& options) {
  if (!options.stdin_file.empty()) return open_stdin_file(options.stdin_file);
  if (::isatty(STDIN_FILENO) == 1) {
    if (!options.json) {
      std::fputs(
          "retort: note: a server is not given this terminal's input: use --stdin or a pipe\n",
          stderr);
    }
    return kernel::open_at(AT_FDCWD, "/dev/null", O_RDONLY);
  }
  const int number = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  if (number < 0) return base::os_error("dup", "stdin");
  return Fd(number);
}

Result<json::object> ask(HttpClient& client, const HttpRequest& request) {
  RETORT_TRY(const HttpAnswer answer, client.send(request));
  return read_answer(answer, client.server().text);
}

// Is sent once: the server keeps blobs by their digests.
Status upload(HttpClient& client, const RemoteInput::File& input) {
  HttpRequest request;
  request.path = "/v1/blobs/" + input.sha256;
  request.method = "HEAD";
  RETORT_TRY(const HttpAnswer there, client.send(request));
  if (there.status == 200) return {};
  request.method = "PUT";
  request.content_type = "application/octet-stream";
  request.file = &input.file;
  request.begin = input.begin;
  request.size = input.size;
  RETORT_TRY(HttpAnswer answer, client.send(request));
  if (answer.status == 201) answer.status = 200;
  RETORT_TRY(const auto stored, read_answer(answer, client.server().text));
  return {};
}

Result<json::object> make_request(const RunOptions& options,
                                  HttpClient& client,
                                  Fd source,
                                  int interrupt) {
  RETORT_CHECK(check_args(options.args));
  RETORT_TRY(auto sources, read_sources(options.files));
  std::optional<json::object> runtimes;
  if (needs_runtimes(options)) {
    HttpRequest list;
    list.path = "/v1/runtimes";
    RETORT_TRY(runtimes, ask(client, list));
  }
  RETORT_TRY(json::object request,
             make_remote_request(options, std::move(sources), runtimes ? &*runtimes : nullptr));
  RETORT_TRY(const RemoteInput input, read_remote_input(std::move(source), interrupt));
  if (input.file) {
    RETORT_CHECK(upload(client, *input.file));
    request["stdin"] = json::object{{"blob", input.file->sha256}};
  } else if (base::is_utf8(input.text)) {
    request["stdin"] = input.text;
  } else {
    json::object encoded;
    put_content(encoded, input.text);
    request["stdin"] = std::move(encoded);
  }
  return request;
}

// Waits for the job's end: the connection is what it lives by.
Result<json::object> run_job(HttpClient& client, const json::object& request) {
  HttpRequest job;
  job.method = "POST";
  job.path = "/v1/run";
  job.content_type = "application/json";
  job.body = text::compact(request);
  return ask(client, job);
}

// A reader that has left wanted no more.
Status print(int descriptor, const char* name, const std::string& bytes) {
  const Fd borrowed(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  auto written = kernel::write_all(borrowed, bytes);
  if (written || written.error().os_errno == EPIPE) return {};
  return base::os_error("write the program's", name, written.error().os_errno);
}

Result<int> tell_result(const RunOptions& options, json::object record, const Fd& folder) {
  RETORT_TRY(const job::JobResult result, read_result(record));
  std::vector<job::OutputFile> files;
  if (result.files.is_open() && folder.is_open())
    files = job::write_output_files(result.files, folder);
  if (options.json) {
    job::put_files(record, files);
    std::puts(text::pretty(record).c_str());
    if (std::fflush(stdout) != 0) return base::os_error("write", "the result");
    return exit_code_with_json(result, 0);
  }
  const job::StageResult& last = result.stages.back();
  if (last.name == "run") {
    for (const job::StageResult& stage : result.stages) {
      if (&stage != &last) RETORT_CHECK(print(STDERR_FILENO, "stderr", stage.stderr_text.bytes));
    }
    RETORT_CHECK(print(STDOUT_FILENO, "stdout", last.stdout_text.bytes));
    RETORT_CHECK(print(STDERR_FILENO, "stderr", last.stderr_text.bytes));
  }
  tell_outcome(result, last.name == "run");
  tell_refused(files);
  return exit_code_of(result, 0);
}

Result<int> run_through(const RunOptions& options, const std::string& host, const Fd& signals) {
  if (!options.allow_unenforced.empty()) {
    return Error{Fault::invalid,
                 "--allow-unenforced is for runs on this machine; of a server its operator decides",
                 0};
  }
  RETORT_TRY(ServerAddress server, parse_server(host));
  RETORT_TRY(const std::string key, find_server_key());
  if (!key.empty() && !server.is_private) {
    std::fprintf(
        stderr,
        "retort: note: the key goes to %s as everybody on the way can read it; use https\n",
        server.text.c_str());
  }
  RETORT_TRY(const auto client, HttpClient::create(std::move(server), key, signals.get()));
  RETORT_TRY(Fd source, open_source(options));
  Fd folder;
  if (!options.output_folder.empty()) {
    RETORT_TRY(folder, open_output_folder(options.output_folder));
  }
  RETORT_TRY(const json::object request,
             make_request(options, *client, std::move(source), signals.get()));
  RETORT_TRY(json::object record, run_job(*client, request));
  release_signals();
  return tell_result(options, std::move(record), folder);
}

}  // namespace

std::string host_of(const RunOptions& options) {
  if (options.host) return *options.host;
  const char* host = std::getenv("RETORT_HOST");
  return host == nullptr ? "" : host;
}

int run_remote(const RunOptions& options, const std::string& host) {
  const auto signals = watch_signals();
  if (!signals) return complain(signals.error());
  const auto code = run_through(options, host, *signals);
  if (code) return *code;
  // What a signal broke off is no failure: the server ends the job when the connection closes.
  if (const int caught = take_signal(*signals); caught != 0) return kSignalBase + caught;
  return complain(code.error(), exit_code_before(code.error()));
}

}  // namespace retort::cli
