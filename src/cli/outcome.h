// Outcome: how a run ends for its user, wherever it took place: what is told on stderr, the exit
// code, and what a signal does meanwhile.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "job/job.h"
#include "job/output_files.h"

namespace retort::cli {

// SIGINT, SIGTERM and SIGHUP as something to wait for; until release_signals they do nothing else.
base::Result<base::Fd> watch_signals();
// The signal that came, or 0.
int take_signal(const base::Fd& signals);
// From here on a signal ends us as it ends any program: the reader of the result may take for ever.
void release_signals();

// What a compiler that succeeded said, to stderr, ahead of what the program will print there. A
// signal ends the writing, not us: a reader that does not read must not keep Ctrl-C from ending the
// job.
void tell_diagnostics(std::string_view text, const base::Fd& signals);
// What a compiler that failed printed, and one line on what stopped the program, to stderr; stdout
// is the program's.
void tell_outcome(const job::JobResult& result, bool has_told_diagnostics);
// Output that could not be passed on is not lost in silence. A reader that left (EPIPE) wanted no
// more.
base::Status check_sinks(const job::StageResult& stage);
void tell_refused(const std::vector<job::OutputFile>& files);

// docs/reference/result.md, "Exit codes". `caught` is the signal that ended us, or 0.
int exit_code_of(const job::JobResult& result, int caught);
// The same with --json, where a result is a result.
int exit_code_with_json(const job::JobResult& result, int caught);
// Of what is wrong before there is something to run. Is it the command line's fault? What is opened
// until then is what the user named; that the system refuses it to him (EACCES) is another matter.
int exit_code_before(const base::Error& error);

}  // namespace retort::cli
