// Remote result: what a server answered, read back into what a job of this machine comes to.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/http_client.h"
#include "job/job.h"
#include "text/json.h"

namespace retort::cli {

// The object in an answer of the status 200. An Error is what to tell the user in one line: the
// problem that the server answered with (RFC 9457), each fault of the request with its place; or
// that it was no server of Retort's. Fault::invalid when the request is what was wrong.
base::Result<text::json::object> read_answer(const HttpAnswer& answer, const std::string& server);
// The same of a problem alone, and of an answer to who wanted a WebSocket.
base::Error to_error(const text::json::object& problem);
base::Error refusal_error(const http::Response& answer, const std::string& server);

// docs/reference/result.md. Of the files, those with their bytes are a bundle, as if they had been
// collected here. At least one stage. Fault::internal for what is no result.
base::Result<job::JobResult> read_result(const text::json::object& record);
base::Result<job::StageResult> read_stage(const text::json::value& record);

}  // namespace retort::cli
