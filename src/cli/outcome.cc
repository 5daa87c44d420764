// Outcome: exit codes as shells and timeout(1) have them.
#include "cli/outcome.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "cli/commands.h"

namespace retort::cli {

using base::Error;
using base::Fault;
using base::Fd;
using base::Result;
using base::Status;

Result<Fd> watch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const int number = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (number < 0) return base::os_error("signalfd", "");
  return Fd(number);
}

int take_signal(const Fd& signals) {
  signalfd_siginfo info{};
  if (::read(signals.get(), &info, sizeof info) != sizeof info) return 0;
  return static_cast<int>(info.ssi_signo);
}

void release_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void tell_diagnostics(std::string_view text, const Fd& signals) {
  while (!text.empty()) {
    std::array<pollfd, 2> ends = {pollfd{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0},
                                  pollfd{.fd = signals.get(), .events = POLLIN, .revents = 0}};
    if (::poll(ends.data(), ends.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (ends[1].revents != 0) return;
    // A pipe that is ready takes this much without waiting.
    const ssize_t count =
        ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count < 0 && errno != EINTR && errno != EAGAIN) return;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void tell_outcome(const job::JobResult& result, bool has_told_diagnostics) {
  const job::StageResult& last = result.stages.back();
  if (last.name == "compile" && !has_told_diagnostics) {
    std::fwrite(last.stderr_text.bytes.data(), 1, last.stderr_text.bytes.size(), stderr);
    std::fwrite(last.stdout_text.bytes.data(), 1, last.stdout_text.bytes.size(), stderr);
  }
  if (result.outcome != cell::Outcome::ok && result.outcome != cell::Outcome::nonzero_exit) {
    std::fprintf(stderr,
                 "retort: %s: %s\n",
                 std::string(cell::outcome_name(result.outcome)).c_str(),
                 result.message.c_str());
  }
}

Status check_sinks(const job::StageResult& stage) {
  for (const auto& [error, name] :
       {std::pair{stage.stdout_error, "stdout"}, {stage.stderr_error, "stderr"}}) {
    if (error != 0 && error != EPIPE && error != ECANCELED)
      return base::os_error("write the program's", name, error);
  }
  return {};
}

void tell_refused(const std::vector<job::OutputFile>& files) {
  for (const job::OutputFile& file : files) {
    if (file.refused.empty()) continue;
    std::fprintf(stderr,
                 "retort: %s was not collected: %s\n",
                 base::printable(file.name).c_str(),
                 file.refused.c_str());
  }
}

int exit_code_of(const job::JobResult& result, int caught) {
  using cell::Outcome;
  if (caught != 0) return kSignalBase + caught;
  const auto& verdict = result.stages.back().verdict;
  switch (result.outcome) {
    case Outcome::cpu_time_limit:
    case Outcome::wall_time_limit:
      return kTimeLimit;
    case Outcome::memory_limit:
      return kMemoryLimit;
    case Outcome::output_limit:
    case Outcome::disk_limit:
      return kOutputLimit;
    case Outcome::compile_error:
      return kCompileError;
    case Outcome::start_error:
    case Outcome::internal_error:
    case Outcome::cancelled:
      return kFailed;
    default:
      break;
  }
  if (verdict.signal) return kSignalBase + *verdict.signal;
  return verdict.exit_code.value_or(kFailed);
}

int exit_code_with_json(const job::JobResult& result, int caught) {
  if (caught != 0) return kSignalBase + caught;
  return result.outcome == cell::Outcome::internal_error ? kFailed : 0;
}

int exit_code_before(const Error& error) {
  constexpr std::array kNoSuchFile = {ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, ENXIO, EEXIST};
  const bool is_typed_wrong = error.fault == Fault::invalid || error.fault == Fault::not_found ||
                              std::ranges::count(kNoSuchFile, error.os_errno) > 0;
  return is_typed_wrong ? kUsage : kFailed;
}

}  // namespace retort::cli
