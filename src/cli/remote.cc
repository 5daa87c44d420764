// Remote: a session with a server, told as a run on this machine is.
#include "cli/remote.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "cli/http_client.h"
#include "cli/outcome.h"
#include "cli/remote_request.h"
#include "cli/remote_result.h"
#include "cli/remote_session.h"
#include "cli/server_key.h"
#include "cli/sources.h"
#include "cli/unenforced.h"
#include "job/report.h"

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

Result<RemoteJob> make_job(const RunOptions& options, HttpClient& client) {
  RETORT_CHECK(check_args(options.args));
  RETORT_TRY(auto sources, read_sources(options.files));
  std::optional<json::object> runtimes;
  if (needs_runtimes(options)) {
    RETORT_TRY(const HttpAnswer answer, client.get("/v1/runtimes"));
    RETORT_TRY(runtimes, read_answer(answer, client.server().text));
  }
  RemoteJob job;
  job.is_captured = options.json;
  RETORT_TRY(job.request,
             make_remote_request(options, std::move(sources), runtimes ? &*runtimes : nullptr));
  return job;
}

Result<int> tell_end(const RunOptions& options, RemoteEnd end, const Fd& folder, int caught) {
  RETORT_TRY(job::JobResult result, read_result(end.record));
  std::vector<job::OutputFile> files;
  if (folder.is_open()) files = job::write_output_files(result.files, folder);
  if (options.json) {
    job::put_files(end.record, files);
    std::puts(text::pretty(end.record).c_str());
    if (std::fflush(stdout) != 0) return base::os_error("write", "the result");
    return exit_code_with_json(result, caught);
  }
  tell_outcome(result, end.has_told_diagnostics);
  tell_refused(files);
  result.stages.back().stdout_error = end.stdout_error;
  result.stages.back().stderr_error = end.stderr_error;
  RETORT_CHECK(check_sinks(result.stages.back()));
  return exit_code_of(result, caught);
}

Result<int> run_through(const RunOptions& options,
                        const std::string& host,
                        const Fd& signals,
                        int& caught) {
  RETORT_CHECK(parse_unenforced(options.allow_unenforced));
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
  RETORT_TRY(RemoteJob job, make_job(options, *client));
  Fd folder;
  if (!options.output_folder.empty()) {
    RETORT_TRY(folder, open_output_folder(options.output_folder));
  }
  Fd source;
  if (!options.stdin_file.empty()) {
    RETORT_TRY(source, open_stdin_file(options.stdin_file));
    job.stdin_source = source.get();
  }
  RETORT_TRY(RemoteEnd end, run_session(*client, std::move(job), signals, caught));
  release_signals();
  return tell_end(options, std::move(end), folder, caught);
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
  int caught = 0;
  const auto code = run_through(options, host, *signals, caught);
  if (code) return *code;
  // What a signal broke off is no failure: the server ends the job when the connection closes.
  if (caught == 0) caught = take_signal(*signals);
  if (caught != 0) return kSignalBase + caught;
  return complain(code.error(), exit_code_before(code.error()));
}

}  // namespace retort::cli
