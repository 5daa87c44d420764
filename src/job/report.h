// Report: a job's result as JSON. The same record everywhere: command line, interface, events,
// logs.
#pragma once

#include "job/job.h"
#include "job/output_files.h"
#include "text/json.h"

namespace retort::job {

// {"status", "message", "runtime", "stages": […], "files": […], "timing": {…}};
// docs/reference/result.md.
text::json::object to_json(const JobResult& result,
                           const std::string& runtime,
                           const std::vector<OutputFile>& files);

}  // namespace retort::job
