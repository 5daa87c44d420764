// Remote session: one job of a server's, live: its streams are this process's.
#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "cli/http_client.h"
#include "text/json.h"

namespace retort::cli {

struct RemoteJob {
  text::json::object request;  // as POST /v1/run takes it, without stdin
  int stdin_source = 0;        // stays the caller's
  bool is_captured = false;    // output comes with the result, not to stdout and stderr
};

struct RemoteEnd {
  text::json::object record;          // the server's result
  bool has_told_diagnostics = false;  // of a compiler that succeeded, on stderr
  int stdout_error = 0;               // errno of what could not be written
  int stderr_error = 0;
};

// Runs it to its end. When the descriptor `signals` becomes readable, the job is cancelled, and its
// result waited for as long as a server that lives needs; without one it is Fault::gone. `caught`
// becomes the signal. Other errors: what the server refused (Fault::invalid when the request is
// what was wrong), or that the connection did not last.
base::Result<RemoteEnd> run_session(HttpClient& client,
                                    RemoteJob job,
                                    const base::Fd& signals,
                                    int& caught);

}  // namespace retort::cli
