// Bench bare: posix_spawn(3), which in glibc is clone(2) with CLONE_VM and CLONE_VFORK: the
// cheapest start that a process of any size can give another.
#include "cli/bench_bare.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <spawn.h>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/files.h"

namespace retort::cli {

using base::Duration;
using base::Fd;
using base::monotonic_now;
using base::os_error;
using base::Result;
using base::Status;

namespace {

// What posix_spawn takes, with destructors.
class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  // No input, output into `output`, diagnostics to our own stderr, signals as a program expects.
  int set(const std::string& folder, const Fd& output) {
    sigset_t none;
    ::sigemptyset(&none);
    int failed = ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
    if (failed == 0) failed = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (failed == 0) {
      failed = ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    }
    if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&actions_, output.get(), 1);
    if (failed == 0) failed = ::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
    return failed;
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// For execve, which takes pointers to char that it does not write to.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

struct Ended {
  int status = 0;  // as waitpid(2) gives it
  std::string stdout_bytes;
};

Result<Ended> spawn_and_wait(const std::string& folder,
                             const std::vector<std::string>& arguments,
                             const std::vector<std::string>& variables) {
  RETORT_TRY(auto output, kernel::make_pipe());
  SpawnSettings settings;
  pid_t pid = 0;
  int failed = settings.set(folder, output.write_end);
  if (failed == 0) {
    failed = ::posix_spawn(&pid,
                           arguments.front().c_str(),
                           settings.actions(),
                           settings.attributes(),
                           pointers(arguments).data(),
                           pointers(variables).data());
  }
  if (failed != 0) return os_error("posix_spawn", arguments.front(), failed);
  output.write_end.reset();
  Ended ended;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(output.read_end.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    ended.stdout_bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
  // Our own child: its number is not used again before this.
  while (::waitpid(pid, &ended.status, 0) < 0) {
    if (errno != EINTR) return os_error("waitpid", arguments.front());
  }
  return ended;
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<std::unique_ptr<BareTwin>> BareTwin::prepare(const BenchCase& bench_case,
                                                    const std::vector<std::string>& variables) {
  std::string folder = "/tmp/retort-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return os_error("mkdtemp", folder);
  std::unique_ptr<BareTwin> twin(new BareTwin(bench_case, folder));
  const job::SourceFile& source = bench_case.source;
  RETORT_CHECK(kernel::write_file(
      AT_FDCWD, folder + "/" + source.name, source.content, source.executable ? 0755 : 0644));
  const runtime::Manifest& manifest = bench_case.manifest;
  if (manifest.compile) {
    RETORT_CHECK(twin->add(manifest.compile->stage, runtime::StageKind::compile, variables));
  }
  RETORT_CHECK(twin->add(manifest.run, runtime::StageKind::run, variables));
  return twin;
}

BareTwin::~BareTwin() {
  std::error_code ignored;  // what stays in /tmp is no reason to lose the figures
  std::filesystem::remove_all(folder_, ignored);
}

Status BareTwin::add(const runtime::StageSpec& spec,
                     runtime::StageKind kind,
                     const std::vector<std::string>& variables) {
  const runtime::CommandInputs inputs{.main_file = case_.source.name,
                                      .files = {case_.source.name},
                                      .extensions = case_.manifest.extensions,
                                      .args = {},
                                      .memory = spec.limits.memory};
  Stage stage;
  RETORT_TRY(stage.arguments, runtime::expand_command(spec.command, kind, inputs));
  for (const std::string& variable : variables) {
    if (!spec.env.contains(variable.substr(0, variable.find('=')))) {
      stage.variables.push_back(variable);
    }
  }
  for (const auto& [name, value] : spec.env) {
    stage.variables.emplace_back(name).append("=").append(value);
  }
  stages_.push_back(std::move(stage));
  return {};
}

Result<Sample> BareTwin::run() {
  // What the last run compiled must not answer for this one.
  if (case_.manifest.compile) {
    for (const std::string& artefact : case_.manifest.compile->artefacts) {
      std::error_code error;
      std::filesystem::remove_all(folder_ + "/" + artefact, error);
      if (error) return os_error("remove", artefact, error.value());
    }
  }
  Sample sample;
  Ended ended;
  const Duration started = monotonic_now();
  for (const Stage& stage : stages_) {
    RETORT_TRY(ended, spawn_and_wait(folder_, stage.arguments, stage.variables));
    if (ended.status != 0) {
      sample.wrong = stage.arguments.front() + ": " + end_text(ended.status);
      return sample;
    }
  }
  sample.took = monotonic_now() - started;
  sample.wrong = answer_differs(ended.stdout_bytes, case_);
  return sample;
}

}  // namespace retort::cli
