// Report: a job's result as JSON. The same record everywhere: command line, interface, events,
// logs.
#pragma once

#include "job/job.h"
#include "job/output_files.h"
#include "text/json.h"

namespace retort::job {

// One stage's record; one test's is that of its run, with "judge" beside it.
text::json::object to_json(const StageResult& stage);
text::json::object to_json(const TestResult& test);

// "files", and what became of each; "folders", the empty ones.
void put_files(text::json::object& record, const std::vector<OutputFile>& files);

// {"status", "message", "runtime", "stages": […], "files": […], "folders": […], "timing": {…}};
// docs/reference/result.md.
text::json::object to_json(const JobResult& result,
                           const std::string& runtime,
                           const std::vector<OutputFile>& files);

}  // namespace retort::job
