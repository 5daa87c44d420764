// Other sandbox: their recipes, and a process with a deadline.
#include "selftest/other_sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/clock.h"
#include "kernel/files.h"
#include "kernel/process.h"

namespace retort::selftest {

using base::Duration;
using base::Error;
using base::Fault;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr Duration kDeadline{15'000'000};
constexpr std::size_t kMostOutput = 1U << 20U;

const std::map<std::string, std::string> kTools = {
    {"bwrap", "/usr/bin/bwrap"}, {"nsjail", "/usr/bin/nsjail"}, {"runc", "/usr/sbin/runc"}};

// The configuration that `runc spec` writes, with our program for its shell and no terminal. It has
// no system-call filter, as in runc's own documents; the engines above it bring one.
constexpr std::string_view kRuncConfig = R"({
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false, "user": {"uid": 1000, "gid": 1000}, "cwd": "/box",
    "args": ["/box/attack", "ID", "0"], "env": ["PATH=/usr/bin:/bin"],
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
    "noNewPrivileges": true
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "runc",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
     "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs",
     "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
    {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["bind", "ro"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                   {"type": "mount"}],
    "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                    "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
})";

struct Ended {
  bool in_time = false;
  siginfo_t how{};
  std::string output;
};

Result<Ended> run_until(const std::vector<std::string>& words, const std::string& folder) {
  RETORT_TRY(auto output, kernel::make_pipe());
  RETORT_TRY(auto input, kernel::make_pipe());
  input.write_end.reset();
  RETORT_TRY(const auto child, kernel::fork_child(0));
  if (child.pid == 0) {
    (void)kernel::die_with_parent();
    kernel::reset_signals();
    std::vector<std::string> own = words;
    std::vector<char*> arguments;
    for (std::string& word : own) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::dup2(input.read_end.get(), 0) < 0 || ::dup2(output.write_end.get(), 1) < 0 ||
        ::dup2(output.write_end.get(), 2) < 0 || ::chdir(folder.c_str()) != 0 ||
        !kernel::close_descriptors_from(3)) {
      ::_exit(127);
    }
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }
  output.write_end.reset();
  Ended ended;
  const Duration until = base::monotonic_now() + kDeadline;
  for (;;) {
    pollfd waiting{.fd = output.read_end.get(), .events = POLLIN, .revents = 0};
    const Duration left = until - base::monotonic_now();
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count() / 1000) + 1) == 0)
      break;
    std::array<char, 65536> buffer{};
    const ssize_t count = ::read(output.read_end.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      ended.in_time = true;
      break;
    }
    if (ended.output.size() < kMostOutput)
      ended.output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (!ended.in_time) (void)kernel::send_signal(child.pidfd, SIGKILL);
  RETORT_TRY(ended.how, kernel::reap(child.pidfd));
  return ended;
}

}  // namespace

std::vector<std::string> other_sandboxes() {
  std::vector<std::string> names;
  for (const auto& [name, path] : kTools) names.push_back(name);
  return names;
}

Result<std::unique_ptr<OtherSandbox>> OtherSandbox::open(const std::string& tool) {
  const auto known = kTools.find(tool);
  if (known == kTools.end())
    return Error{Fault::invalid, "--against takes bwrap, nsjail or runc, not '" + tool + "'", 0};
  if (::access(known->second.c_str(), X_OK) != 0)
    return Error{Fault::not_found, known->second + " is not installed", 0};
  std::string folder = "/var/tmp/retort-selftest-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return os_error("mkdtemp", folder);
  std::unique_ptr<OtherSandbox> sandbox(new OtherSandbox(tool, folder));
  RETORT_CHECK(sandbox->prepare());
  return sandbox;
}

OtherSandbox::~OtherSandbox() {
  std::error_code ignored;  // what stays there harms nobody
  std::filesystem::remove_all(folder_, ignored);
}

Status OtherSandbox::prepare() {
  RETORT_TRY(const std::string own, kernel::program_folder());
  RETORT_TRY(const std::string program,
             kernel::read_small_file(AT_FDCWD, own + "/retort-attacks", 64U << 20U));
  if (::chmod(folder_.c_str(), 0755) != 0) return os_error("chmod", folder_);
  const std::string root = folder_ + "/rootfs";
  for (const char* name : {"", "/box", "/usr", "/proc", "/dev", "/sys", "/tmp"})
    RETORT_CHECK(kernel::make_directory(AT_FDCWD, root + name, 0755));
  for (const char* name : {"bin", "lib", "lib64"}) {
    if (::symlink((std::string("usr/") + name).c_str(), (root + "/" + name).c_str()) != 0)
      return os_error("symlink", name);
  }
  return kernel::write_file(AT_FDCWD, root + "/box/attack", program, 0755);
}

std::vector<std::string> OtherSandbox::command(std::string_view id) const {
  const std::string& program = kTools.at(tool_);
  const std::string attack(id);
  const std::string source = folder_ + "/rootfs/box/attack";
  if (tool_ == "bwrap") {
    // bwrap(1) and the demo of its sources, with a user of its own and no capability.
    return {program,         "--unshare-all", "--die-with-parent",
            "--new-session", "--ro-bind",     "/usr",
            "/usr",          "--symlink",     "usr/bin",
            "/bin",          "--symlink",     "usr/lib",
            "/lib",          "--symlink",     "usr/lib64",
            "/lib64",        "--proc",        "/proc",
            "--dev",         "/dev",          "--tmpfs",
            "/tmp",          "--dir",         "/box",
            "--ro-bind",     source,          "/box/attack",
            "--chdir",       "/box",          "--uid",
            "1000",          "--gid",         "1000",
            "--cap-drop",    "ALL",           "--clearenv",
            "/box/attack",   attack,          "0"};
  }
  if (tool_ == "nsjail") {
    // The example of its README for one program of the host, run once.
    return {program,
            "-Mo",
            "-q",
            "--user",
            "1000",
            "--group",
            "1000",
            "-R",
            "/usr",
            "-R",
            "/lib64",
            "-R",
            "/lib",
            "-T",
            "/tmp",
            "-R",
            source + ":/box/attack",
            "--cwd",
            "/box",
            "-t",
            "10",
            "--",
            "/box/attack",
            attack,
            "0"};
  }
  return {program, "run", "--bundle", folder_, container()};
}

std::string OtherSandbox::container() const {
  return "retort-selftest-" + std::to_string(::getpid());
}

std::string OtherSandbox::recipe() const {
  std::string text;
  for (const std::string& word : command("ID")) text += (text.empty() ? "" : " ") + word;
  return text;
}

Result<OtherResult> OtherSandbox::run(const Attack& attack) {
  if (tool_ == "runc") {
    std::string config(kRuncConfig);
    config.replace(config.find("\"ID\"") + 1, 2, attack.id);
    RETORT_CHECK(kernel::write_file(AT_FDCWD, folder_ + "/config.json", config, 0644));
  }
  RETORT_TRY(const Ended ended, run_until(command(attack.id), folder_));
  // Killing runc leaves its container; one that ended by itself is gone.
  if (tool_ == "runc" && !ended.in_time)
    (void)run_until({kTools.at(tool_), "delete", "--force", container()}, folder_);
  OtherResult result;
  std::istringstream lines(ended.output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("breach: ")) continue;
    // "CALL: EINVAL instead of ENOSYS": it failed, only not by a filter as in a cell of ours.
    const bool refused = line.find(": refused with ") != std::string::npos ||
                         (line.find(" instead of E") != std::string::npos &&
                          line.find(": allowed ") == std::string::npos);
    (refused ? result.reached : result.breaches).push_back(line.substr(8));
  }
  if (!ended.in_time) {
    result.status = "no end";
  } else if (ended.how.si_code != CLD_EXITED) {
    result.status = "signal " + std::to_string(ended.how.si_status);
  } else {
    result.status =
        ended.how.si_status == 0 ? "ok" : "exit code " + std::to_string(ended.how.si_status);
  }
  return result;
}

}  // namespace retort::selftest
